/** The event types of a category: which it knows, what each is called now, and which may be appended. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { NewEvent, RecordedEvent } from "../../domain/event/Event.ts"
import { nearest, shown, unreadable } from "../../domain/format/checkOptions.ts"
import { EventSchemaError } from "../../domain/event/EventErrors.ts"
import type { QueryItem } from "../../domain/event/Query.ts"
import type { TypeFilter } from "../streams/EventFilter.ts"
import { copyOf, copyOfStored, type Given, isObject } from "./copyEvent.ts"
import { atPlace, placeOf } from "./eventPlace.ts"
import { EventCodec, type EventSchema } from "./EventCodec.ts"
import { type Marks, MetadataCodec } from "./MetadataCodec.ts"
import { problemOf, problemOfMetadata } from "./schemaShape.ts"

/** Schemas by event type. */
export interface Schemas {
  readonly [type: string]: EventSchema
}

/** Declarations of a category, as they were given to `Category.make`. */
export interface Declared {
  readonly schemas: Schemas
  readonly retired: Schemas
  /** Present names by former names. */
  readonly renamed: { readonly [former: string]: string }
  /** Schema of the metadata of all events; `undefined` for any. */
  readonly metadata: EventSchema | undefined
}

interface KnownType {
  /** Present name. */
  readonly type: string
  readonly codec: EventCodec
  /** Why it cannot be appended; `undefined` if it can. */
  readonly refusal: string | undefined
}

const unknownType = "the category has no schema for this type. Pass one to Category.make"
const unknownStoredType = `${unknownType} (as \`retired\` if it is no longer appended), or read with \`unreadable: "skip"\` or \`"raw"\``
const retiredType = "the type is retired: its events can be read, and none can be appended"

/** Converts the events of one category. */
export class EventTypes {
  readonly #category: string
  readonly #known: ReadonlyMap<string, KnownType>
  readonly #metadata: MetadataCodec | undefined

  /** Throws an `Error` if the declarations contradict each other, or if a schema can never have a JSON form. */
  constructor(category: string, { metadata, renamed, retired, schemas }: Declared) {
    const known = new Map<string, KnownType>()
    const add = (name: string, type: KnownType) => {
      if (known.has(name)) throw new Error(`category ${category} declares the event type ${JSON.stringify(name)} twice`)
      known.set(name, type)
    }
    for (const [type, schema] of Object.entries(schemas)) {
      add(type, { type, codec: codecOf(category, type, schema), refusal: undefined })
    }
    for (const [type, schema] of Object.entries(retired)) {
      add(type, { type, codec: codecOf(category, type, schema), refusal: retiredType })
    }
    const present = new Map(known)
    for (const [former, type] of Object.entries(renamed)) {
      const now = present.get(type)
      if (now === undefined) {
        throw new Error(
          `category ${category} renames ${JSON.stringify(former)} to ${shown(type)}, for which it has no schema`
        )
      }
      add(former, { ...now, refusal: `the type was renamed: append ${type}` })
    }
    this.#category = category
    this.#known = known
    this.#metadata = metadata === undefined ? undefined : metadataCodecOf(category, metadata)
  }

  /**
   * Returns the event to store, or why it does not match its schema. Only the data and the metadata are changed. `marks`
   * are those of the append, and `context` is what its context sets in the metadata: the event store adds both.
   */
  encode(event: Given, marks: Marks, context?: object): Result.Result<NewEvent, EventSchemaError> {
    if (typeof event !== "object" || event === null) {
      return this.#fail("an event", `it must be an object, not ${shown(event)}`)
    }
    const copy = copyOf(event, this.#metadata !== undefined)
    if (copy === undefined) return this.#fail("an event", `it ${unreadable}`)
    const { type } = copy
    const known = this.#known.get(type)
    if (known === undefined) return this.#fail(type, this.#unknown(type))
    if (known.refusal !== undefined) return this.#fail(type, known.refusal)
    const encoded = known.codec.encode(copy.data)
    if (Result.isFailure(encoded)) return this.#fail(type, encoded.failure.message)
    copy.data = encoded.success
    // `EventStore` would store null instead, which is another value.
    if (copy.data === undefined) return this.#fail(type, "its data is undefined, which JSON cannot express; use null")
    if (this.#metadata === undefined) return Result.succeed(copy as NewEvent)
    const { metadata: own = {} } = copy
    // The schema sees what will be stored, so that it can read it.
    const metadata = context === undefined || !isObject(own) ? own : { ...context, ...own }
    const converted = this.#metadata.encode(metadata, marks)
    if (Result.isFailure(converted)) return this.#fail(type, `its metadata: ${converted.failure.message}`)
    copy.metadata = converted.success
    return Result.succeed(copy as NewEvent)
  }

  /** Returns the event as the application has it, by its present name, or why its stored data does not match. */
  decode(event: RecordedEvent): Result.Result<Decoded, EventSchemaError> {
    const known = this.#known.get(event.type)
    if (known === undefined) return this.#failAt(event, event.type, unknownStoredType)
    const decoded = known.codec.decode(event.data)
    if (Result.isFailure(decoded)) return this.#failAt(event, event.type, decoded.failure.message)
    if (this.#metadata === undefined) return Result.succeed({ ...event, type: known.type, data: decoded.success })
    const metadata = this.#metadata.decode(event.metadata)
    return Result.isSuccess(metadata)
      ? Result.succeed({ ...event, type: known.type, data: decoded.success, metadata: metadata.success })
      : this.#failAt(event, known.type, `its metadata: ${metadata.failure.message}`)
  }

  /** Does what `decode` does, for an event that a caller gave, which may be anything. */
  decodeGiven(event: RecordedEvent): Result.Result<Decoded, EventSchemaError> {
    const copy = copyOfStored(event)
    return Result.isSuccess(copy) ? this.decode(copy.success) : this.#fail("an event", copy.failure)
  }

  /** Returns options whose filter has all names under which events of its types may be stored: present and former ones. */
  storedFilter<O extends object>(options: O): O {
    const { filter } = options as { readonly filter?: TypeFilter }
    if (filter?.types === undefined) return options
    return { ...options, filter: { ...filter, types: this.#storedNames(filter.types) } }
  }

  /** Returns items of a query, likewise. */
  storedItems(items: ReadonlyArray<QueryItem>): ReadonlyArray<QueryItem> {
    return items.map((item) => (item.types === undefined ? item : { ...item, types: this.#storedNames(item.types) }))
  }

  #storedNames(types: ReadonlyArray<string>): ReadonlyArray<string> {
    const wanted = new Set(types)
    const former = [...this.#known].filter(([name, { type }]) => wanted.has(type) && !wanted.has(name))
    return former.length === 0 ? types : [...types, ...former.map(([name]) => name)]
  }

  #unknown(type: string): string {
    const near = typeof type === "string" ? nearest(type, [...this.#known.keys()]) : undefined
    return near === undefined ? unknownType : `the category has no schema for this type (did you mean ${near}?)`
  }

  #failAt(event: RecordedEvent, type: unknown, why: string): Result.Result<never, EventSchemaError> {
    return Result.mapError(this.#fail(type, why), (error) => atPlace(error, placeOf(event)))
  }

  /** Returns the failure for an event. Its type may be anything that a caller gave. */
  #fail(type: unknown, why: string): Result.Result<never, EventSchemaError> {
    const name = typeof type === "string" ? type : shown(type)
    return Result.fail(new EventSchemaError({ category: this.#category, type: name, why }))
  }
}

/** A stored event whose data and metadata were decoded. */
export type Decoded = Omit<RecordedEvent, "data" | "metadata"> & { readonly data: unknown; readonly metadata: unknown }

const codecOf = (category: string, type: string, schema: EventSchema): EventCodec => {
  const why = Schema.isSchema(schema) ? problemOf(schema.ast) : notASchema
  if (why !== undefined) throw unusable(`of ${type}`, category, why)
  return new EventCodec(schema)
}

const metadataCodecOf = (category: string, schema: EventSchema): MetadataCodec => {
  const why = Schema.isSchema(schema) ? (problemOf(schema.ast) ?? problemOfMetadata(schema.ast)) : notASchema
  if (why !== undefined) throw unusable("of the metadata", category, why)
  return new MetadataCodec(schema, new EventCodec(schema))
}

const notASchema = "it is not a Schema"

const unusable = (what: string, category: string, why: string): Error =>
  new Error(`the schema ${what} in category ${category} cannot be used: ${why}`)
