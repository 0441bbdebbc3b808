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
import { type Converted, EventCodec, type EventSchema } from "./EventCodec.ts"
import type { FieldPlan } from "./erasure/FieldPlan.ts"
import { type Marks, MetadataCodec } from "./MetadataCodec.ts"
import { problemOf, problemOfMetadata } from "./schemaShape.ts"
import { refuseVersion, versionIn, withoutVersion, withVersion } from "./schemaVersion.ts"
import { isVersion, type StoredForm } from "./StoredForm.ts"
import { type EventData, notASchema, storedForms, unusable } from "./storedForms.ts"

/** Schemas, or versions, by event type. */
export interface Schemas {
  readonly [type: string]: EventData
}

/** A name and a version that events may be stored in. */
export interface StoredType {
  /** Type of the stored event. */
  readonly name: string
  /** Version, from 1. */
  readonly version: number
  /** Type that the event is read as. */
  readonly type: string
  /** Type whose versions these are: `name` itself, or for a former name in `renamed` the present one. */
  readonly versionsOf: string
  /** Whether an append stores this name and version now. */
  readonly isPresent: boolean
  /** Schema of the data in this version. */
  readonly schema: EventSchema
  /** Returns an event of this name and version as a program of that time stored it, for tests with old events. */
  readonly encode: (data: unknown, metadata?: unknown) => Result.Result<NewEvent, EventSchemaError>
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
  readonly form: StoredForm
  /** Number of versions of the present type. */
  readonly version: number
  /** Why it cannot be appended; `undefined` if it can. */
  readonly refusal: string | undefined
}

/** Returns the data of a stored event whose fields are decrypted, or why they cannot be. */
export type Open = (plan: FieldPlan, event: RecordedEvent) => Converted

const notOpened: Open = () => Result.fail({ message: "its fields are encrypted" })

const unknownType = "the category has no schema for this type. Pass one to Category.make"
const unknownStoredType = `${unknownType} (as \`retired\` if it is no longer appended), or read with \`unreadable: "skip"\` or \`"raw"\``
const renamedTo = (type: string): string => `the type was renamed: append ${type}`
const retiredType = "the type is retired: its events can be read, and none can be appended"

/** Converts the events of one category. */
export class EventTypes {
  readonly #category: string
  readonly #known: ReadonlyMap<string, KnownType>
  readonly #metadata: MetadataCodec | undefined
  readonly #takesMetadata: boolean
  /** Whether a type has more than one version or name. */
  readonly hasHistory: boolean
  #mayBeErasable: boolean | undefined

  /** Throws an `Error` if the declarations contradict each other, or if a schema can never have a JSON form. */
  constructor(category: string, { metadata, renamed, retired, schemas }: Declared) {
    const known = new Map<string, KnownType>()
    const add = (name: string, type: KnownType) => {
      if (known.has(name)) throw new Error(`category ${category} declares the event type ${JSON.stringify(name)} twice`)
      known.set(name, type)
    }
    const present = new Map<string, KnownType>()
    const declare = (declared: Schemas, refusal: string | undefined) => {
      for (const [type, data] of Object.entries(declared)) {
        const forms = storedForms(category, type, data)
        const version = forms[0]![1].versions
        for (const [name, form] of forms) {
          add(name, { type, form, version, refusal: name === type ? refusal : renamedTo(type) })
        }
        present.set(type, known.get(type)!)
      }
    }
    declare(schemas, undefined)
    declare(retired, retiredType)
    for (const [former, type] of Object.entries(renamed)) {
      const now = present.get(type)
      if (now === undefined) {
        throw new Error(
          `category ${category} renames ${JSON.stringify(former)} to ${shown(type)}, for which it has no schema`
        )
      }
      add(former, { ...now, refusal: renamedTo(type) })
    }
    this.#category = category
    this.#known = known
    this.#metadata = metadata === undefined ? undefined : metadataCodecOf(category, metadata)
    this.hasHistory = known.size > present.size || [...present.values()].some(({ version }) => version > 1)
    this.#takesMetadata = metadata !== undefined || this.hasHistory
  }

  /**
   * Returns the event to store, or why it does not match its schema. Only the data and the metadata are changed. `marks`
   * are those of the append, and `context` is what its context sets in the metadata: the event store adds both.
   */
  encode(event: Given, marks: Marks, context?: object): Result.Result<NewEvent, EventSchemaError> {
    if (typeof event !== "object" || event === null) {
      return this.#fail("an event", `it must be an object, not ${shown(event)}`)
    }
    const copy = copyOf(event, this.#takesMetadata)
    if (copy === undefined) return this.#fail("an event", `it ${unreadable}`)
    const { type } = copy
    const known = this.#known.get(type)
    if (known === undefined) return this.#fail(type, this.#unknown(type))
    if (known.refusal !== undefined) return this.#fail(type, known.refusal)
    const encoded = known.form.encode(copy.data)
    if (Result.isFailure(encoded)) return this.#fail(type, encoded.failure.message)
    copy.data = encoded.success
    // `EventStore` would store null instead, which is another value.
    if (copy.data === undefined) return this.#fail(type, "its data is undefined, which JSON cannot express; use null")
    const refused =
      copy.metadata === undefined && context === undefined
        ? undefined
        : (refuseVersion(copy.metadata) ?? refuseVersion(context))
    if (refused !== undefined) return this.#fail(type, `its metadata: ${refused}`)
    if (this.#metadata !== undefined) {
      const { metadata: own = {} } = copy
      // The schema sees what will be stored, so that it can read it.
      const metadata = context === undefined || !isObject(own) ? own : { ...context, ...own }
      const converted = this.#metadata.encode(metadata, marks)
      if (Result.isFailure(converted)) return this.#fail(type, `its metadata: ${converted.failure.message}`)
      copy.metadata = converted.success
    }
    if (known.version > 1) copy.metadata = withVersion(copy.metadata, known.version)
    return Result.succeed(copy as NewEvent)
  }

  /** Whether fields of the category's events are encrypted. Looks into every schema. */
  get isErasable(): boolean {
    return this.mayBeErasable && this.#codecs.some(({ plan }) => plan !== undefined)
  }

  /** Whether they may be. Compiles nothing, and looks into no schema that may not be defined yet. */
  get mayBeErasable(): boolean {
    return (this.#mayBeErasable ??= this.#codecs.some(({ mayHavePlan }) => mayHavePlan))
  }

  get #codecs(): ReadonlyArray<EventCodec> {
    return [...this.#known.values()].flatMap(({ form }) => form.stored.map(({ codec }) => codec))
  }

  /** Returns the fields of a type that an append encrypts; `undefined` for none. */
  presentPlan(type: string): FieldPlan | undefined {
    return this.#known.get(type)?.form.presentPlan
  }

  /** Returns the fields of a stored event that may be encrypted; `undefined` for none. */
  storedPlan({ metadata, type }: RecordedEvent): FieldPlan | undefined {
    return this.#known.get(type)?.form.planOf(versionIn(metadata))
  }

  /** Returns the event as the application has it, by its present name, or why its stored data does not match. */
  decode(event: RecordedEvent, open = notOpened): Result.Result<Decoded, EventSchemaError> {
    const known = this.#known.get(event.type)
    if (known === undefined) return this.#failAt(event, event.type, unknownStoredType)
    const version = versionIn(event.metadata)
    const plan = known.form.planOf(version)
    const decoded =
      plan === undefined
        ? known.form.decode(event.data, version)
        : Result.flatMap(open(plan, event), (data) => known.form.decode(data, version))
    if (Result.isFailure(decoded)) {
      return this.#failAt(event, event.type, decoded.failure.message, versionsOf(known, version))
    }
    const type = known.type
    if (version === undefined && this.#metadata === undefined) {
      return Result.succeed({ ...event, type, data: decoded.success })
    }
    const stored = version === undefined ? event.metadata : withoutVersion(event.metadata)
    const metadata = this.#metadata === undefined ? Result.succeed(stored) : this.#metadata.decode(stored)
    return Result.isSuccess(metadata)
      ? Result.succeed({ ...event, type, data: decoded.success, metadata: metadata.success })
      : this.#failAt(event, type, `its metadata: ${metadata.failure.message}`)
  }

  /** Whether an event is stored under a former name or in an older version, or cannot be known. */
  isOlder({ metadata, type }: RecordedEvent): boolean {
    const known = this.#known.get(type)
    return known === undefined || known.type !== type || (versionIn(metadata) ?? 1) !== known.version
  }

  /** Returns the type and the data with which a stored event would be appended now; `undefined` if it cannot be decoded. */
  presentForm(event: RecordedEvent, open = notOpened): { readonly type: string; readonly data: unknown } | undefined {
    const known = this.#known.get(event.type)
    if (known === undefined) return undefined
    const version = versionIn(event.metadata)
    const plan = known.form.planOf(version)
    const data = plan === undefined ? Result.succeed(event.data) : open(plan, event)
    const read = Result.flatMap(data, (stored) => known.form.decode(stored, version))
    const encoded = Result.flatMap(read, (one) => known.form.encode(one))
    return Result.isSuccess(encoded) ? { type: known.type, data: encoded.success } : undefined
  }

  /** Returns the names and versions that events may be stored in. */
  storedTypes(): ReadonlyArray<StoredType> {
    return [...this.#known].flatMap(([name, { form, refusal, type }]) =>
      form.stored.map(({ codec, schema }, at) => ({
        name,
        version: at + 1,
        type,
        versionsOf: form.type,
        isPresent: refusal === undefined && at + 1 === form.versions,
        schema,
        encode: (data, metadata = {}) => this.#encodeAs(name, at + 1, codec, data, metadata)
      }))
    )
  }

  #encodeAs(
    type: string,
    version: number,
    codec: EventCodec,
    given: unknown,
    metadata: unknown
  ): Result.Result<NewEvent, EventSchemaError> {
    const data = codec.encode(given)
    if (Result.isFailure(data)) return this.#fail(type, data.failure.message)
    const encoded = this.#metadata?.encode(metadata, {}) ?? Result.succeed(metadata)
    if (Result.isFailure(encoded)) return this.#fail(type, `its metadata: ${encoded.failure.message}`)
    const stored = version === 1 ? encoded.success : withVersion(encoded.success, version)
    return Result.succeed({ type, data: data.success, metadata: stored } as NewEvent)
  }

  /** Does what `decode` does, for an event that a caller gave, which may be anything. */
  decodeGiven(event: RecordedEvent, open?: Open): Result.Result<Decoded, EventSchemaError> {
    const copy = copyOfStored(event)
    return Result.isSuccess(copy) ? this.decode(copy.success, open) : this.#fail("an event", copy.failure)
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

  /** Returns the error for an event of a type. */
  error(type: string, why: string): EventSchemaError {
    return new EventSchemaError({ category: this.#category, type, why })
  }

  #failAt(
    event: RecordedEvent,
    type: unknown,
    why: string,
    versions?: VersionPlace
  ): Result.Result<never, EventSchemaError> {
    return Result.mapError(this.#fail(type, why), (error) => atPlace(error, { ...placeOf(event), ...versions }))
  }

  /** Returns the failure for an event. Its type may be anything that a caller gave. */
  #fail(type: unknown, why: string): Result.Result<never, EventSchemaError> {
    const name = typeof type === "string" ? type : shown(type)
    return Result.fail(this.error(name, why))
  }
}

type VersionPlace = Pick<EventSchemaError, "storedVersion" | "presentVersion">

/** Returns what an error says about the versions of an event; nothing if there is only one. */
const versionsOf = (known: KnownType, stored: unknown = 1): VersionPlace | undefined =>
  isVersion(stored) && (stored > 1 || known.version > 1 || known.form.versions > 1)
    ? { storedVersion: stored, presentVersion: stored > known.form.versions ? known.form.versions : known.version }
    : undefined

/** A stored event whose data and metadata were decoded. */
export type Decoded = Omit<RecordedEvent, "data" | "metadata"> & { readonly data: unknown; readonly metadata: unknown }

const metadataCodecOf = (category: string, schema: EventSchema): MetadataCodec => {
  const why = Schema.isSchema(schema) ? (problemOf(schema.ast) ?? problemOfMetadata(schema.ast)) : notASchema
  if (why !== undefined) throw unusable("of the metadata", category, why)
  if (new EventCodec(schema).plan !== undefined) {
    throw unusable("of the metadata", category, "it has an erasable field, and metadata is never encrypted")
  }
  return new MetadataCodec(schema, new EventCodec(schema))
}
