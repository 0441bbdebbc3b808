/** Finds an event of a stream by its id, and the events that a command has made in a stream. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { commandEventId } from "../../domain/event/commandIds.ts"
import * as Event from "../../domain/event/Event.ts"
import { shown } from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { checkStreamName, type InvalidStreamName } from "../../domain/format/Placement.ts"
import * as Losses from "../../domain/meta/Losses.ts"
import { attempt } from "../base/attempt.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { AppendResult } from "./AppendRequest.ts"
import { findEventTape } from "./EventTape.ts"
import { readStream, type StreamReadError } from "./StreamReader.ts"
import { findById } from "./StreamSources.ts"

/** Returns the durable event of a stream that has this id, or `undefined`. */
export const findEvent = Effect.fnUntraced(function* (
  lib: LibHandle,
  stream: string,
  id: string
): Effect.fn.Return<Event.RecordedEvent | undefined, StreamReadError> {
  if (typeof id !== "string") {
    const why = `must be a text, not ${shown(id)}`
    return yield* new InvalidArgument({ call: "EventStore.find", argument: "eventId", why })
  }
  yield* lib.guard.checkOpen
  yield* attempt<string, InvalidStreamName>(() => checkStreamName(stream))
  const tape = yield* findEventTape(lib, stream)
  if (tape === undefined) return undefined
  const { position: end } = lib.journal.durable
  const found = yield* findById(lib, tape, stream, id)
  if (found !== undefined) return found.position < end ? found : undefined
  // "No such event" would be a guess if it may be lost. A read of the stream decides that.
  if (Losses.unaccepted(Losses.concerning(tape.state.lost, stream)) !== undefined) {
    yield* Stream.runDrain(readStream(lib, stream))
  }
  return undefined
})

/** Number of events that are read first after the first event of a command: most commands make no more. */
const nextEvents = 4
const nextEventsMax = 512

/** Returns the result of the append with which a command made its events in a stream, or `undefined`. */
export const findCommand = Effect.fnUntraced(function* (
  lib: LibHandle,
  stream: string,
  commandId: string
): Effect.fn.Return<AppendResult | undefined, StreamReadError | Event.InvalidEvent> {
  yield* attempt<void, InvalidStreamName | Event.InvalidEvent>(() => {
    checkStreamName(stream)
    Event.checkCommandId(stream, commandId)
  })
  const first = yield* findEvent(lib, stream, commandEventId(stream, commandId, 0))
  if (first === undefined) return undefined
  // The events of a command are one append, so they follow each other.
  let last = first
  let limit = nextEvents
  for (;;) {
    const next = yield* Stream.runCollect(readStream(lib, stream, { from: last.revision + 1, limit }))
    const own = next.filter(({ id, revision }) => id === commandEventId(stream, commandId, revision - first.revision))
    last = own.at(-1) ?? last
    if (own.length < limit) break
    limit = Math.min(2 * limit, nextEventsMax)
  }
  return {
    stream,
    firstRevision: first.revision,
    lastRevision: last.revision,
    firstPosition: first.position,
    lastPosition: last.position,
    repeated: true
  }
})
