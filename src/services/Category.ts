/**
 * Typed events: a category of streams with a schema for each of its event types. Data is checked and encoded on append,
 * decoded and checked on read. `Category` only wraps `EventStore`; you can use both on the same streams.
 *
 * A schema may have any values that have a JSON form, such as dates, bigints, options and maps. When the data of a type gets
 * another shape, give the type `versions`: events of older versions are read as the newest one. To read types that are no
 * longer appended, or that have another name now, declare them as `retired` or `renamed`.
 *
 * @see `litetapes/EventStore`
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { isArray } from "../domain/base/isArray.ts"
import type { EventSchemaError } from "../domain/event/EventErrors.ts"
import { categoryFilter } from "./category/categoryFilter.ts"
import { copyOfStored, type Given, isObject } from "./category/copyEvent.ts"
import type { EventSchema } from "./category/EventCodec.ts"
import { atPlace } from "./category/eventPlace.ts"
import { EventTypes, type StoredType } from "./category/EventTypes.ts"
import { idOf } from "./category/idOf.ts"
import { appendOrRepeat } from "./category/repeatedEvents.ts"
import { type Versions, versions } from "./category/Versions.ts"
import { encryptAll, openerOf } from "./category/erasure/CategoryKeys.ts"
import {
  all,
  checkDeclarations,
  marksIn,
  noMarks,
  readingChecks,
  subscribingChecks,
  subscribingToStreamChecks,
  wrongId
} from "./category/checkCategoryCall.ts"
import type { Raw, Unreadable } from "./category/unreadable.ts"
import type {
  QueryItem,
  QueryOptions,
  QueryResult,
  Readable,
  ReadCategoryOptions,
  Reading,
  ReadOptions,
  SubscribeCategoryOptions,
  TypesIn,
  UnreadableError
} from "./CategoryReading.ts"
import { CategoryReads } from "./CategoryReads.ts"
import type { Category, EventOf, NewOf, NoTypes, Options, RecordedOf } from "./CategoryService.ts"
import { type AppendOptions, EventStore, type NewEvent, type RecordedEvent } from "./EventStore.ts"
import { EventContext, valuesOf } from "./EventContext.ts"
import type { StorageError } from "./ports/Storage.ts"
import type { Marks, Metadata, New, Recorded, Schemas } from "./EventUnions.ts"

export type { Marks, Metadata, New, Raw, Recorded, Schemas, StoredType, Unreadable, Versions }
export type { QueryItem, QueryOptions, QueryResult, Readable, ReadCategoryOptions, Reading, ReadOptions }
export { idOf, versions }
export type { SubscribeCategoryOptions, TypesIn, UnreadableError }
export type { Category, EventOf, NewOf, NoTypes, Options, RecordedOf }

/**
 * Returns a category of streams with a schema for each event type. Compiles no schema: that happens at the first event of
 * its type. Throws an `Error` if the name is empty or contains `-`, if a type is declared twice or renamed to one that
 * has no schema, if a schema cannot have a JSON form, or if that of the metadata is not one of plain objects. Throws an
 * `InvalidArgument` if an option is not known.
 *
 * **Example**
 *
 * ```ts
 * const Account = Category.make(
 *   "account",
 *   {
 *     Deposited: Schema.Struct({ cents: Schema.Int, at: Schema.Date }),
 *     Withdrawn: Schema.Struct({ cents: Schema.Int })
 *   },
 *   { retired: { Audited: Schema.Struct({ by: Schema.String }) }, renamed: { MoneyAdded: "Deposited" } }
 * )
 * Account.append("17", [{ type: "Withdrawn", data: { cents: 500 } }], { expected: "stream-exists" })
 * Account.read("17", { unreadable: "skip" })
 * ```
 */
export const make = <const S extends Schemas, const R extends Schemas = NoTypes, M = Metadata>(
  name: string,
  schemas: S,
  options: Options<S, R, M> = {}
): Category<S, R, M> => {
  checkDeclarations(name, schemas, options)
  const { renamed = {}, retired = {} as R } = options
  const types = new EventTypes(name, { schemas, retired, renamed, metadata: options.metadata as EventSchema })
  const readTypes = { ...schemas, ...retired }
  const stream = (id: string) => `${name}-${id}`
  const reads = new CategoryReads(name, types, readTypes)
  return {
    name,
    schemas,
    retired,
    metadata: options.metadata,
    storedTypes: () => types.storedTypes(),
    filter: (filter = {}) => categoryFilter(name, types, readTypes, filter),
    stream,
    get isErasable() {
      return types.isErasable
    },
    encode: (event) =>
      Effect.suspend(() => {
        const encoded = types.encode(event, noMarks)
        return types.mayBeErasable ? encryptOne(types, event, encoded) : Effect.fromResult(encoded)
      }),
    decode: (event) =>
      Effect.suspend(() =>
        types.mayBeErasable
          ? decodeOne<S, R, M>(types, event)
          : Effect.fromResult(types.decodeGiven(event) as Known<S, R, M>)
      ),
    append: (id, events, options) =>
      Effect.flatMap(EventStore, (store) => {
        const wrong = wrongId("Category.append", id)
        if (wrong !== undefined) return Effect.fail(wrong)
        // The event store says what is wrong with it.
        if (!isArray(events)) return store.append(stream(id), events, options)
        return Effect.flatMap(encodeAll(types, stream(id), events, options), (encoded) =>
          appendOrRepeat(types, store, stream(id), encoded, options)
        )
      }),
    read: (id, options = {}) =>
      reads.stream("Category.read", options, readingChecks, (store, range) => {
        const wrong = wrongId("Category.read", id)
        return wrong === undefined ? store.read(stream(id), range) : Stream.fail(wrong)
      }),
    readAll: (options = {}) =>
      reads.stream("Category.readAll", options, readingChecks, (store, range) =>
        store.readAll({ ...range, filter: { ...range.filter, categories: [name] } })
      ),
    query: (query, options = {}) => reads.query(query, options),
    fact: (fact) => reads.fact(fact),
    subscribe: (options = {}) =>
      reads.stream("Category.subscribe", options, subscribingChecks, (store, range) =>
        store.subscribe({ ...range, filter: { ...range.filter, categories: [name] } })
      ),
    subscribeToStream: (id, options = {}) =>
      reads.stream("Category.subscribeToStream", options, subscribingToStreamChecks, (store, range) => {
        const wrong = wrongId("Category.subscribeToStream", id)
        return wrong === undefined ? store.subscribeToStream(stream(id), range) : Stream.fail(wrong)
      })
  }
}

type Known<S extends Schemas, R extends Schemas, M> = Result.Result<Recorded<S, M> | Recorded<R, M>, EventSchemaError>

const encryptOne = (types: EventTypes, event: Given, encoded: Result.Result<NewEvent, EventSchemaError>) =>
  Effect.flatMap(Effect.fromResult(encoded), (one) =>
    Effect.map(
      encryptAll(types, [event], [one], (error) => error),
      ([first]) => first!
    )
  )

const decodeOne = <S extends Schemas, R extends Schemas, M>(types: EventTypes, event: RecordedEvent) =>
  // What is wrong with it is said when it is decoded.
  Effect.flatMap(openerOf(types, copiesOf(event)), (open) =>
    Effect.fromResult(types.decodeGiven(event, open) as Known<S, R, M>)
  )

const copiesOf = (event: RecordedEvent): ReadonlyArray<RecordedEvent> => {
  const copy = copyOfStored(event)
  return Result.isSuccess(copy) ? [copy.success] : []
}

/** Encodes the events of an append, with the metadata that its context sets. */
const encodeAll = (
  types: EventTypes,
  stream: string,
  events: ReadonlyArray<Given>,
  options: AppendOptions | undefined
): Effect.Effect<ReadonlyArray<NewEvent>, EventSchemaError | StorageError> =>
  Effect.withFiber((fiber) => {
    const outer = valuesOf(fiber.getRef(EventContext))
    const marks = marksIn(options, outer)
    const context = outer === undefined ? undefined : { ...outer, ...marks }
    const errorAt = (error: EventSchemaError, index: number) => atPlace(error, { stream, index })
    const encoded = all(
      events,
      // The event store says what is wrong with what is not an object.
      (event) => (isObject(event) ? types.encode(event, marks, context) : Result.succeed(event as NewEvent)),
      errorAt
    )
    return types.mayBeErasable ? Effect.flatMap(encoded, (some) => encryptAll(types, events, some, errorAt)) : encoded
  })
