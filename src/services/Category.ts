/**
 * Events with schemas: the types of a category's events, checked when they are appended and when they are read.
 *
 * A stored shape that has grown old is read by giving its event a schema that decodes it into the new one
 * (`Schema.decodeTo`).
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

/** Schemas of a category's events, by event type. What they encode to must be lite JSON. */
export interface Schemas {
  readonly [type: string]: Schema.Codec<unknown, unknown>
}

/** An event to be appended, with data of its type. */
export type New<S extends Schemas> = {
  readonly [Type in keyof S & string]: Omit<NewEvent, "type" | "data"> & {
    readonly type: Type
    readonly data: S[Type]["Type"]
  }
}[keyof S & string]

/** An event as it was stored, with data of its type. */
export type Recorded<S extends Schemas> = {
  readonly [Type in keyof S & string]: Omit<RecordedEvent, "type" | "data"> & {
    readonly type: Type
    readonly data: S[Type]["Type"]
  }
}[keyof S & string]

/** The events of a category: `Category.Event<typeof Account>`. */
export type Event<C> = C extends Category<infer S> ? Recorded<S> : never

export interface Category<S extends Schemas> {
  readonly name: string
  readonly schemas: S
  /** The stream of one aggregate: `account-17`. */
  readonly stream: (id: string) => string
  /** Checks and encodes an event, for `EventStore.appendAll` over several categories. */
  readonly encode: (event: New<S>) => Effect.Effect<NewEvent, EventSchemaError>
  /** Checks and decodes a stored event. */
  readonly decode: (event: RecordedEvent) => Effect.Effect<Recorded<S>, EventSchemaError>
  /** Appends events to the stream of one aggregate. */
  readonly append: (
    id: string,
    events: ReadonlyArray<New<S>>,
    options?: AppendOptions
  ) => Effect.Effect<AppendResult, EventAppendError | EventSchemaError, EventStore>
  /** The events of one aggregate. */
  readonly read: (
    id: string,
    options?: ReadStreamOptions
  ) => Stream.Stream<Recorded<S>, StreamReadError | EventSchemaError, EventStore>
  /** The events of all aggregates of the category, by position. */
  readonly readAll: (
    options?: ReadAllOptions
  ) => Stream.Stream<Recorded<S>, AllReadError | EventSchemaError, EventStore>
}

/**
 * A category of streams with the schemas of its events.
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
    throw new Error(`a category's name is not empty and has no "-": ${JSON.stringify(name)}`)
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

/** The event with its data converted; everything else stays as it is. */
const convert = (
  category: string,
  event: { readonly type: string; readonly data?: unknown },
  converters: ReadonlyMap<string, Converter>
): Result.Result<unknown, EventSchemaError> => {
  const { type } = event
  const converter = converters.get(type)
  if (converter === undefined) {
    return Result.fail(new EventSchemaError({ category, type, why: "the category has no event of this type" }))
  }
  const data = converter(event.data)
  return Result.isSuccess(data)
    ? Result.succeed({ ...event, type, data: data.success })
    : Result.fail(new EventSchemaError({ category, type, why: data.failure.message }))
}

/** One effect for many events. */
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
  // As many as there were: a stream's chunk is never empty.
  return Effect.succeed(converted as [B, ...Array<B>])
}
