/**
 * Typed events: a category of streams with a schema for each of its event types. Data is checked and encoded on append,
 * decoded and checked on read. `Category` only wraps `EventStore`; you can use both on the same streams.
 *
 * A schema may have any values that have a JSON form, such as dates, bigints, options and maps. To read events that were
 * stored in an older shape, give the type a schema that decodes the old shape into the new one (`Schema.decodeTo`). To
 * read types that are no longer appended, or that have another name now, declare them as `retired` or `renamed`.
 *
 * @see `litetapes/EventStore`
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { wholeNumber } from "../domain/base/wholeNumber.ts"
import type { EventSchemaError } from "../domain/event/EventErrors.ts"
import { EventTypes } from "./category/EventTypes.ts"
import { checkUnreadable, decodeStream, type Raw, type Unreadable } from "./category/unreadable.ts"
import {
  type AllReadError,
  type AppendOptions,
  type AppendResult,
  type EventAppendError,
  EventStore,
  type NewEvent,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedEvent,
  type StreamReadError
} from "./EventStore.ts"

export type { Raw, Unreadable }

/**
 * Schemas by event type. Each must convert at once, and each value must have a JSON form: the encoded form if that is
 * JSON, otherwise the one that `Schema.toCodecJson` gives it.
 */
export interface Schemas {
  readonly [type: string]: Schema.Codec<unknown, unknown>
}

/** No types. */
export type NoTypes = { readonly [Type in never]: Schema.Codec<unknown, unknown> }

/** Types of stored events that are no longer appended under their name. */
export interface Options<S extends Schemas, R extends Schemas = NoTypes> {
  /** Schemas of types that are only read. An append of one fails with `EventSchemaError`. Default: none. */
  readonly retired?: R
  /**
   * Present names of types by their former names. An event that was stored under a former name is read under the
   * present one, by the schema of that; an append under a former name fails with `EventSchemaError`. Default: none.
   */
  readonly renamed?: { readonly [former: string]: (keyof S | keyof R) & string }
}

/** An event to append, with data of its type. */
export type New<S extends Schemas> = {
  readonly [Type in keyof S & string]: Omit<NewEvent, "type" | "data"> & {
    readonly type: Type
    readonly data: S[Type]["Type"]
  }
}[keyof S & string]

/** A stored event, with data of its type. */
export type Recorded<S extends Schemas> = {
  readonly [Type in keyof S & string]: Omit<RecordedEvent, "type" | "data"> & {
    readonly type: Type
    readonly data: S[Type]["Type"]
  }
}[keyof S & string]

/**
 * Stored events of a category `C`, such as `Category.Event<typeof Account>`: a union in which `type` determines `data`.
 * Retired types are part of it.
 */
export type Event<C> = C extends Category<infer S, infer R> ? Recorded<S> | Recorded<R> : never

/** What a read with policy `P` returns. With `raw`, test `event.raw` before you look at `event.type`. */
export type Readable<S extends Schemas, R extends Schemas, P extends Unreadable> = "raw" extends P
  ? ((Recorded<S> | Recorded<R>) & { readonly raw?: undefined }) | Raw
  : Recorded<S> | Recorded<R>

/** What a read with policy `P` fails with, besides the errors of `EventStore`. */
export type UnreadableError<P extends Unreadable> = "fail" extends P ? EventSchemaError : never

/** Option of the reads of a category. */
export interface Reading<P extends Unreadable> {
  /**
   * What the read does about an event that it cannot decode. With `skip`, `limit` counts only the events that are
   * returned. Default: `fail`.
   */
  readonly unreadable?: P
}

/**
 * Operations on the streams of one category. All of them use the `EventStore` in context, except `encode` and `decode`.
 */
export interface Category<S extends Schemas, R extends Schemas = NoTypes> {
  /** Name of the category, such as `account`. */
  readonly name: string
  /** Schemas as they were given to `make`. */
  readonly schemas: S
  /** Schemas of retired types as they were given to `make`. */
  readonly retired: R
  /** Returns the name of an aggregate's stream: `account-17` for the id `17`. */
  readonly stream: (id: string) => string
  /**
   * Encodes an event for `EventStore.appendAll`, which can append to several categories as one batch. Fails with
   * `EventSchemaError` if the type is unknown, retired or renamed, if the data does not match its schema, or if it would
   * not be read back as the same value. If the schema transforms the data, this costs decoding it again.
   */
  readonly encode: (event: New<S>) => Effect.Effect<NewEvent, EventSchemaError>
  /**
   * Decodes an event that was read through `EventStore`. Fails with `EventSchemaError` if its type is unknown or its
   * stored data does not match the schema.
   */
  readonly decode: (event: RecordedEvent) => Effect.Effect<Recorded<S> | Recorded<R>, EventSchemaError>
  /**
   * Appends events to the stream of one aggregate, as `EventStore.append` does. Fails with `EventSchemaError` before
   * anything is appended if `encode` would fail for one of the events.
   */
  readonly append: (
    id: string,
    events: ReadonlyArray<New<S>>,
    options?: AppendOptions
  ) => Effect.Effect<AppendResult, EventAppendError | EventSchemaError, EventStore>
  /**
   * Reads the events of one aggregate, as `EventStore.read` does. If it cannot decode an event, it does what the option
   * `unreadable` says: by default it returns the events before that event, and then fails with `EventSchemaError`.
   */
  readonly read: <P extends Unreadable = "fail">(
    id: string,
    options?: ReadStreamOptions & Reading<P>
  ) => Stream.Stream<Readable<S, R, P>, StreamReadError | UnreadableError<P>, EventStore>
  /**
   * Reads the events of all aggregates of the category by position, as `EventStore.readAll` does, with the policy of
   * `read`. A category in `options.filter` is ignored. A type in `options.filter` also finds events that were stored
   * under its former names. With placement `category-or-shared` or `category` it reads only the tape of this category;
   * and the shared tape, if that has a stream that is named like the category.
   */
  readonly readAll: <P extends Unreadable = "fail">(
    options?: ReadAllOptions & Reading<P>
  ) => Stream.Stream<Readable<S, R, P>, AllReadError | UnreadableError<P>, EventStore>
}

/**
 * Returns a category of streams with a schema for each event type. Compiles no schema: that happens at the first event of
 * its type. Throws an `Error` if the name is empty or contains `-`, if a type is declared twice or renamed to one that
 * has no schema, or if a schema cannot have a JSON form.
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
export const make = <const S extends Schemas, const R extends Schemas = NoTypes>(
  name: string,
  schemas: S,
  options: Options<S, R> = {}
): Category<S, R> => {
  if (name === "" || name.includes("-")) {
    throw new Error(`a category name must not be empty or contain "-", but this one is ${JSON.stringify(name)}`)
  }
  const { renamed = {}, retired = {} as R } = options
  const types = new EventTypes(name, { schemas, retired, renamed })
  const stream = (id: string) => `${name}-${id}`
  const encode = (event: New<S>) => types.encode(event)
  const decode = (event: RecordedEvent) => types.decode(event) as Result.Result<Known, EventSchemaError>
  type Known = Recorded<S> | Recorded<R>
  const reading = <P extends Unreadable, O extends { readonly limit?: number }, E>(
    { unreadable: given, ...options }: O & Reading<P>,
    read: (store: EventStore["Service"], options: Omit<O, "unreadable">) => Stream.Stream<RecordedEvent, E>
  ) =>
    Stream.unwrap(
      Effect.map(EventStore, (store) => {
        const unreadable = checkUnreadable(given)
        const { limit } = options
        if (unreadable !== "skip" || limit === undefined) return decodeStream(read(store, options), decode, unreadable)
        // What is skipped does not count, so the store cannot apply the limit.
        const all = decodeStream(read(store, { ...options, limit: Number.POSITIVE_INFINITY }), decode, unreadable)
        return Stream.take(all, wholeNumber("limit", limit, 0))
      })
    ) as Stream.Stream<Readable<S, R, P>, E | UnreadableError<P>, EventStore>
  return {
    name,
    schemas,
    retired,
    stream,
    encode: (event) => Effect.fromResult(encode(event)),
    decode: (event) => Effect.fromResult(decode(event)),
    append: (id, events, options) =>
      Effect.flatMap(EventStore, (store) =>
        Effect.flatMap(all(events, encode), (encoded) => store.append(stream(id), encoded, options))
      ),
    read: (id, options = {}) => reading(options, (store, range) => store.read(stream(id), range)),
    readAll: (options = {}) =>
      reading(options, (store, range) => {
        const wanted = range.filter?.types
        const stored = wanted === undefined ? undefined : { types: types.storedNames(wanted) }
        return store.readAll({ ...range, filter: { ...range.filter, ...stored, categories: [name] } })
      })
  }
}

/** Converts many events in one effect, since an effect for each would cost more than the conversion. */
const all = <A, B>(
  values: ReadonlyArray<A>,
  each: (value: A) => Result.Result<B, EventSchemaError>
): Effect.Effect<Array<B>, EventSchemaError> => {
  const converted: Array<B> = []
  for (const value of values) {
    const result = each(value)
    if (Result.isFailure(result)) return Effect.fail(result.failure)
    converted.push(result.success)
  }
  return Effect.succeed(converted)
}
