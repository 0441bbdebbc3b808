/**
 * Types of the events of a category, made from its schemas.
 *
 * Editors show them flat: `{ type: "Deposited"; data: { … } } | …`. That is why they are conditional types, of which
 * TypeScript shows the result instead of the name, and why their fields come from one mapped type instead of `Omit` and `&`.
 */
import type * as Schema from "effect/Schema"
import type { RecordedEvent } from "../domain/event/Event.ts"
import type { Versions } from "./category/Versions.ts"

/** Schemas by event type, or versions of one. Each must encode to a JSON value that `litetapes/TaraSON` accepts. */
export interface Schemas {
  readonly [type: string]: Schema.Codec<unknown, unknown> | Versions<unknown>
}

/** Metadata of events to append, for a category that has no schema for it. */
export interface Metadata {
  readonly [key: string]: unknown
}

/** Metadata that the options of an append set. */
export interface Marks {
  /** An id that related events share. */
  readonly correlationId?: string
  /** Id of the event or command that caused the event. */
  readonly causationId?: string
}

interface PlainFields {
  /** What happened, such as `Deposited`. */
  readonly type: unknown
  /** Data of this type, as its schema decodes it. */
  readonly data: unknown
}

interface NewFields extends PlainFields {
  readonly type: unknown
  readonly data: unknown
  /** Names the event within its stream. If it is appended again, the id is recognised. Default: a new UUIDv7. */
  readonly id?: string
  /** Anything else about the event. Can be left out if its schema accepts an empty object. */
  readonly metadata?: unknown
  /** Short texts to filter and query by, such as `web`: at most 64, each of 1 to 256 bytes, none twice. Default: none. */
  readonly tags?: ReadonlyArray<string>
}

interface NewFieldsWithMetadata extends NewFields {
  readonly type: unknown
  readonly data: unknown
  readonly metadata: unknown
}

type FieldOf<Field, Type, Data, M, Other> = Field extends "type"
  ? Type
  : Field extends "data"
    ? Data
    : Field extends "metadata"
      ? M
      : Other

/** Events as a union of `{ type, data }` in which `type` determines `data`. */
export type Plain<S extends Schemas> = [S] extends [Schemas]
  ? {
      readonly [Type in keyof S & string]: {
        readonly [Field in keyof PlainFields]: FieldOf<Field, Type, S[Type]["Type"], never, never>
      }
    }[keyof S & string]
  : never

/** Events to append. `M` is the type of their metadata. */
export type New<S extends Schemas, M = Metadata> = {} extends M
  ? {
      readonly [Type in keyof S & string]: {
        readonly [Field in keyof NewFields]: FieldOf<Field, Type, S[Type]["Type"], M, NewFields[Field]>
      }
    }[keyof S & string]
  : {
      readonly [Type in keyof S & string]: {
        readonly [Field in keyof NewFieldsWithMetadata]: FieldOf<Field, Type, S[Type]["Type"], M, NewFields[Field]>
      }
    }[keyof S & string]

/** Stored events; of some types only if `Types` is given. Their metadata also holds the marks of the append. */
export type Recorded<S extends Schemas, M = Metadata, Types extends keyof S = keyof S> = [S] extends [Schemas]
  ? {
      readonly [Type in Types & string]: {
        readonly [Field in keyof RecordedEvent]: FieldOf<
          Field,
          Type,
          S[Type]["Type"],
          Metadata extends M ? RecordedEvent["metadata"] : { readonly [Key in keyof (M & Marks)]: (M & Marks)[Key] },
          RecordedEvent[Field]
        >
      }
    }[Types & string]
  : never
