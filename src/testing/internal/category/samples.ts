/** Samples of a category's events, from its schemas: the same ones for the same seed. */
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { EventSchemaError } from "../../../domain/event/EventErrors.ts"
import * as TaraSON from "../../../domain/json/TaraSON.ts"
import type { StoredType } from "../../../services/Category.ts"
import type { RecordedEvent } from "../../../services/EventStore.ts"
import type { StorageError } from "../../../services/ports/Storage.ts"
import { encodePlain, type Encoding } from "./encodePlain.ts"

/** A category of any events. */
export interface AnyCategory extends Encoding {
  /** Name of the category. */
  readonly name: string
  /** Schema of the metadata; `undefined` for any. */
  readonly metadata: Schema.Top | undefined
  /** Returns the names and versions in which events may be stored. */
  readonly storedTypes: () => ReadonlyArray<StoredType>
  /** Decodes a stored event. */
  readonly decode: (event: RecordedEvent) => Effect.Effect<unknown, EventSchemaError | StorageError>
}

/** Decides a sample. */
export interface Seed {
  readonly seed: number | string
  /** How large the parts of the value are, from 0. */
  readonly size: number
}

/** Schemas describe more values than can be stored, such as texts with lone surrogates. */
const triesMax = 100

export class Samples {
  readonly #category: AnyCategory
  readonly #arbitraries = new Map<unknown, Arbitrary.Arbitrary<unknown>>()

  constructor(category: AnyCategory) {
    this.#category = category
  }

  /** Returns an event to append, of a present type. */
  newEvent(stored: StoredType, given: Seed): { readonly type: string; readonly data: unknown } {
    return this.#first(stored, given, (seed) => {
      const data = this.#value(stored.schema, seed)
      const { metadata: schema } = this.#category
      const event = {
        type: stored.type,
        data,
        ...(schema === undefined ? {} : { metadata: this.#value(schema, seed) })
      }
      const encoded = Effect.runSync(encodePlain(this.#category, event))
      TaraSON.encodeValue([encoded.data, encoded.metadata ?? {}])
      return event
    })
  }

  /** Returns an event as a program stored it when this was the version of its type. */
  storedEvent(stored: StoredType, given: Seed): Pick<RecordedEvent, "type" | "data" | "metadata"> {
    return this.#first(stored, given, (seed) => {
      const { metadata: schema } = this.#category
      const metadata = schema === undefined ? {} : this.#value(schema, seed)
      const encoded = stored.encode(this.#value(stored.schema, seed), metadata)
      if (Result.isFailure(encoded)) throw encoded.failure
      return TaraSON.parseTrusted(TaraSON.encodeValue(encoded.success)) as unknown as RecordedEvent
    })
  }

  #first<A>({ name, version }: StoredType, { seed, size }: Seed, make: (seed: Seed) => A): A {
    let why: unknown
    for (let attempt = 0; attempt < triesMax; attempt++) {
      try {
        return make({ seed: attempt === 0 ? seed : `${seed}.${attempt}`, size })
      } catch (error) {
        why = error
      }
    }
    throw new Error(
      `no event of ${name}, version ${version}, could be generated from its schema in ${triesMax} tries; the last one: ${
        why instanceof Error ? why.message : String(why)
      }. Give the schema narrower checks, or an annotation that generates its values.`
    )
  }

  #value(schema: Schema.Top, { seed, size }: Seed): unknown {
    let arbitrary = this.#arbitraries.get(schema)
    if (arbitrary === undefined) {
      arbitrary = Arbitrary.schema(schema) as Arbitrary.Arbitrary<unknown>
      this.#arbitraries.set(schema, arbitrary)
    }
    return Effect.runSync(Arbitrary.sampleEffect(arbitrary, { count: 1, seed, size }))[0]
  }
}

/** Returns a stored event at a place, where no lib has put it. */
export const placed = (
  category: string,
  { data, metadata, type }: Pick<RecordedEvent, "type" | "data" | "metadata">,
  place: number,
  id: string
): RecordedEvent => ({
  type,
  data,
  id,
  metadata,
  tags: [],
  stream: `${category}-generated`,
  revision: place,
  position: place,
  time: "2026-01-01T00:00:00.000Z"
})
