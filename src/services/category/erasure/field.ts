/** Marks fields in the schema of an event type whose values are encrypted for a subject. */
import * as Schema from "effect/Schema"
import { type Checks, refuseWrongOptions, shown, unless } from "../../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../../domain/format/Errors.ts"
import { Erased } from "./Erased.ts"

/** An event to append, as a function that names a subject gets it. `D` is its data, as the program has it. */
export interface Event<D> {
  /** Type of the event. */
  readonly type: string
  /** Its data, before the schema encodes it. */
  readonly data: D
}

/** How a field is encrypted. */
export interface Options<D = unknown> {
  /**
   * Whose data the field is: the name of another field of the same object, which holds the id of the subject as a text and is not
   * encrypted itself, or a function of the event that returns the id. The id is stored next to the encrypted value, and
   * stays when the subject is forgotten: use a random one, not a name. With `Schema.encodeKeys`, give the name of the field as
   * it is stored.
   */
  readonly subject: string | ((event: Event<D>) => string)
}

/** What the schema of a field says about its encryption. Each call of `field` makes one. */
export interface Mark {
  readonly subject: string | ((event: Event<never>) => unknown)
}

const key = "litetapes/erasable"

const isSubject = (value: unknown): boolean =>
  typeof value === "function" || (typeof value === "string" && value !== "")

const checks = {
  subject: unless(isSubject, "the name of a field, or a function that returns the id of the subject")
} satisfies Checks<Options>

/** A field that is encrypted for its subject: its value, or `Erased` once the subject was forgotten. */
export interface field<S extends Schema.Codec<unknown, unknown>> extends Schema.Codec<
  S["Type"] | Erased,
  S["Encoded"] | Erased
> {}

/**
 * Returns a schema for a field whose value is encrypted in the stored event, with a key of its subject. A read returns the
 * value, or `Erased` once `KeyStore.forget` has destroyed the keys of the subject. An append of `Erased` fails.
 *
 * The field may be anywhere in the data of an event: in objects, arrays, records and unions. Its name is stored as it is,
 * and so are the type, the id, the tags, the metadata and the stream of the event.
 *
 * @example
 * ```ts
 * const Customer = Category.make("customer", {
 *   CustomerRegistered: Schema.Struct({
 *     customer: Schema.String,
 *     country: Schema.String,
 *     name: Erasable.field(Schema.String, { subject: "customer" })
 *   })
 * })
 * ```
 *
 * @throws InvalidArgument
 */
export const field = <S extends Schema.Codec<unknown, unknown>, D = unknown>(
  schema: S,
  options: Options<D>
): field<S> => {
  const call = "Erasable.field"
  if (!isSchema(schema)) {
    throw new InvalidArgument({ call, argument: "schema", why: `must be a Schema, not ${shown(schema)}` })
  }
  refuseWrongOptions(call, options ?? {}, checks)
  const { subject } = (options ?? {}) as Partial<Options<D>>
  if (subject === undefined) throw new InvalidArgument({ call, argument: "options.subject", why: "is missing" })
  const mark: Mark = { subject }
  // The marker comes first: a schema of any JSON would take it too.
  return Schema.Union([Erased, schema]).annotate({ [key]: mark }) as unknown as field<S>
}

/** A revoked proxy throws when it is looked at. */
const isSchema = (schema: unknown): boolean => {
  try {
    return Schema.isSchema(schema)
  } catch {
    return false
  }
}

/** Returns what the schema of a value says about its encryption; `undefined` if it is not encrypted. */
export const markOf = ({ annotations }: Annotated): Mark | undefined => annotations?.[key] as Mark | undefined

/** A part of a schema. Not its type of Effect, which declarations need not load then. */
interface Annotated {
  readonly annotations?: { readonly [key: string]: unknown } | undefined
}
