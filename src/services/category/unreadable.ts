/** What a read does about events of a category that it cannot decode. */
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type { EventSchemaError } from "../../domain/event/EventErrors.ts"

/**
 * What a read does about an event that it cannot decode, because its type is unknown or its data does not match the
 * schema. `fail` fails with `EventSchemaError` after the events before it; `skip` leaves it out; `raw` returns it as it
 * is stored, as `Raw`.
 */
export type Unreadable = "fail" | "skip" | "raw"

/** An event that could not be decoded, as it is stored. */
export interface Raw extends RecordedEvent {
  /** Tells it from events that were decoded, which do not have this field. */
  readonly raw: true
  /** Why it could not be decoded. */
  readonly error: EventSchemaError
}

type DecodePull<A, E, R> = Pull.Pull<readonly [A, ...Array<A>], E | EventSchemaError, void, R>

/** Decodes a chunk of events at a time. */
export const decodeStream = <A, E, R, E2>(
  events: Stream.Stream<RecordedEvent, E, R>,
  { decode, prepare }: Decoding<A, E2>,
  unreadable: Unreadable
): Stream.Stream<A | Raw, E | E2 | EventSchemaError, R> =>
  Stream.transformPull(events, (pull) =>
    Effect.sync(() => {
      // Returned by the pull after the one that returned the events before it.
      let failure: EventSchemaError | undefined
      const decodeWith = (chunk: ReadonlyArray<RecordedEvent>, decode: Decode<A>): DecodePull<A | Raw, E | E2, R> => {
        const decoded = decodeChunk(chunk, decode, unreadable)
        failure = decoded.failure
        return isNonEmpty(decoded.readable) ? Effect.succeed(decoded.readable) : next
      }
      const decodeNext: DecodePull<A | Raw, E | E2, R> = Effect.flatMap(pull, (chunk) =>
        prepare === undefined
          ? decodeWith(chunk, decode)
          : Effect.flatMap(prepare(chunk), (prepared) => decodeWith(chunk, prepared))
      )
      const next: DecodePull<A | Raw, E | E2, R> = Effect.suspend(() =>
        failure === undefined ? decodeNext : Effect.fail(failure)
      )
      return next
    })
  )

/** Decodes events that were read together: all or nothing. */
export const decodeAll = <A, E>(
  events: ReadonlyArray<RecordedEvent>,
  decoding: Decoding<A, E>,
  unreadable: Unreadable
): Effect.Effect<ReadonlyArray<A | Raw>, E | EventSchemaError> =>
  Effect.gen(function* () {
    const { prepare } = decoding
    const decode = prepare === undefined ? decoding.decode : yield* prepare(events)
    const all: Array<A | Raw> = []
    for (let first = 0; first < events.length; first += eventsAtOnce) {
      if (first > 0) yield* Effect.yieldNow
      const { failure, readable } = decodeChunk(events.slice(first, first + eventsAtOnce), decode, unreadable)
      if (failure !== undefined) return yield* failure
      for (const one of readable) all.push(one)
    }
    return all
  })

/** Number of events after which others get their turn. */
const eventsAtOnce = 256

/** Decodes events one by one. */
export interface Decoding<A, E> {
  readonly decode: Decode<A>
  /** Returns what decodes these events, if something has to be looked up before. */
  readonly prepare: ((events: ReadonlyArray<RecordedEvent>) => Effect.Effect<Decode<A>, E>) | undefined
}

export type Decode<A> = (event: RecordedEvent) => Result.Result<A, EventSchemaError>

/** Decodes events, and with `fail` up to the first that cannot be decoded. */
const decodeChunk = <A>(events: ReadonlyArray<RecordedEvent>, decode: Decode<A>, unreadable: Unreadable) => {
  const readable: Array<A | Raw> = []
  for (const event of events) {
    const result = decode(event)
    if (Result.isSuccess(result)) readable.push(result.success)
    else if (unreadable === "raw") readable.push({ ...event, raw: true, error: result.failure })
    else if (unreadable === "fail") return { readable, failure: result.failure }
  }
  return { readable, failure: undefined }
}

const isNonEmpty = <A>(values: Array<A>): values is [A, ...Array<A>] => values.length > 0
