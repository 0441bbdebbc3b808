/**
 * Typed events: a category of streams with a schema for each of its event types. Data is checked and encoded on append,
 * decoded and checked on read. `Category` only wraps `EventStore`; you can use both on the same streams.
 *
 * To read events that were stored in an older shape, give the type a schema that decodes the old shape into the new one
 * (`Schema.decodeTo`).
 *
 * @see `litetapes/EventStore`
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { EventSchemaError } from "../domain/event/EventErrors.ts"
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

/** Schemas by event type. Each must encode to a JSON value that `litetapes/TaraSON` accepts. */
export interface Schemas {
  readonly [type: string]: Schema.Codec<unknown, unknown>
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
 */
export type Event<C> = C extends Category<infer S> ? Recorded<S> : never

/**
 * Operations on the streams of one category. All of them use the `EventStore` in context, except `encode` and `decode`.
 */
export interface Category<S extends Schemas> {
  /** Name of the category, such as `account`. */
  readonly name: string
  /** Schemas as they were given to `make`. */
  readonly schemas: S
  /** Returns the name of an aggregate's stream: `account-17` for the id `17`. */
  readonly stream: (id: string) => string
  /**
   * Encodes an event for `EventStore.appendAll`, which can append to several categories as one batch. Fails with
   * `EventSchemaError` if the type is unknown or the data does not match its schema.
   */
  readonly encode: (event: New<S>) => Effect.Effect<NewEvent, EventSchemaError>
  /**
   * Decodes an event that was read through `EventStore`. Fails with `EventSchemaError` if its type is unknown or its
   * stored data does not match the schema.
   */
  readonly decode: (event: RecordedEvent) => Effect.Effect<Recorded<S>, EventSchemaError>
  /**
   * Appends events to the stream of one aggregate, as `EventStore.append` does. Fails with `EventSchemaError` before
   * anything is appended if an event does not match its schema.
   */
  readonly append: (
    id: string,
    events: ReadonlyArray<New<S>>,
    options?: AppendOptions
  ) => Effect.Effect<AppendResult, EventAppendError | EventSchemaError, EventStore>
  /**
   * Reads the events of one aggregate, as `EventStore.read` does. Fails with `EventSchemaError` at the first chunk that
   * holds an event that does not match its schema.
   */
  readonly read: (
    id: string,
    options?: ReadStreamOptions
  ) => Stream.Stream<Recorded<S>, StreamReadError | EventSchemaError, EventStore>
  /**
   * Reads the events of all aggregates of the category by position, as `EventStore.readAll` does. A category in
   * `options.filter` is ignored. With placement `category-or-shared` or `category` it reads only the tape of this
   * category; and the shared tape, if that has a stream that is named like the category.
   */
  readonly readAll: (
    options?: ReadAllOptions
  ) => Stream.Stream<Recorded<S>, AllReadError | EventSchemaError, EventStore>
}

/**
 * Returns a category of streams with a schema for each event type. Throws an `Error` if the name is empty or contains
 * `-`.
 *
 * **Example**
 *
 * ```ts
 * const Account = Category.make("account", {
 *   Deposited: Schema.Struct({ cents: Schema.Int }),
 *   Withdrawn: Schema.Struct({ cents: Schema.Int })
 * })
 * Account.append("17", [{ type: "Deposited", data: { cents: 500 } }], { expected: "no-stream" })
 * ```
 */
export const make = <const S extends Schemas>(name: string, schemas: S): Category<S> => {
  if (name === "" || name.includes("-")) {
    throw new Error(`a category name must not be empty or contain "-", but this one is ${JSON.stringify(name)}`)
  }
  const encoders = compile(schemas, (schema) => Schema.encodeUnknownResult(schema))
  const decoders = compile(schemas, (schema) => Schema.decodeUnknownResult(schema))
  const stream = (id: string) => `${name}-${id}`
  const encode = (event: New<S>) => convert(name, event, encoders) as Result.Result<NewEvent, EventSchemaError>
  const decode = (event: RecordedEvent) =>
    convert(name, event, decoders) as Result.Result<Recorded<S>, EventSchemaError>
  const decodeAll = (events: ReadonlyArray<RecordedEvent>) => all(events, decode)
  return {
    name,
    schemas,
    stream,
    encode: (event) => Effect.fromResult(encode(event)),
    decode: (event) => Effect.fromResult(decode(event)),
    append: (id, events, options) =>
      Effect.flatMap(EventStore, (store) =>
        Effect.flatMap(all(events, encode), (encoded) => store.append(stream(id), encoded, options))
      ),
    read: (id, options) =>
      Stream.unwrap(
        Effect.map(EventStore, (store) => Stream.mapArrayEffect(store.read(stream(id), options), decodeAll))
      ),
    readAll: (options) =>
      Stream.unwrap(
        Effect.map(EventStore, (store) => {
          const filter = { ...options?.filter, categories: [name] }
          return Stream.mapArrayEffect(store.readAll({ ...options, filter }), decodeAll)
        })
      )
  }
}

type Converter = (input: unknown) => Result.Result<unknown, { readonly message: string }>

const compile = (schemas: Schemas, to: (schema: Schemas[string]) => Converter): ReadonlyMap<string, Converter> =>
  new Map(Object.entries(schemas).map(([type, schema]) => [type, to(schema)]))

/** Returns the event with its data converted, or why it does not match its schema. Other fields are unchanged. */
const convert = (
  category: string,
  event: { readonly type: string; readonly data?: unknown },
  converters: ReadonlyMap<string, Converter>
): Result.Result<unknown, EventSchemaError> => {
  const { type } = event
  const converter = converters.get(type)
  if (converter === undefined) {
    return Result.fail(
      new EventSchemaError({
        category,
        type,
        why: "the category has no schema for this type, pass one to Category.make"
      })
    )
  }
  const data = converter(event.data)
  return Result.isSuccess(data)
    ? Result.succeed({ ...event, type, data: data.success })
    : Result.fail(new EventSchemaError({ category, type, why: data.failure.message }))
}

/** Converts many events in one effect, since an effect for each would cost more than the conversion. */
const all = <A, B>(
  values: ReadonlyArray<A>,
  each: (value: A) => Result.Result<B, EventSchemaError>
): Effect.Effect<[B, ...Array<B>], EventSchemaError> => {
  const converted: Array<B> = []
  for (const value of values) {
    const result = each(value)
    if (Result.isFailure(result)) return Effect.fail(result.failure)
    converted.push(result.success)
  }
  // `converted` is as long as `values`, and a chunk of a stream is never empty.
  return Effect.succeed(converted as [B, ...Array<B>])
}
