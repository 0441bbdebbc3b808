/** Calls a reaction for an event, and appends what it returns together with the checkpoint. */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { isArray } from "../../domain/base/isArray.ts"
import { uuidOf } from "../../domain/base/Uuid.ts"
import { category } from "../../domain/format/Placement.ts"
import { anEffect } from "../../services/base/anEffect.ts"
import type { Handling } from "../../services/Consumer.ts"
import { isReplay } from "../../services/consumers/HandlerContext.ts"
import {
  type EventAppendError,
  EventStore,
  type NewEvent,
  type RecordedEvent,
  type StreamAppend,
  type StreamReadError
} from "../../services/EventStore.ts"
import { repeating } from "../checkpoints/lib.ts"
import { CurrentDeadLetters, deadLetterCategory, deadLetterStream } from "./deadLetters.ts"
import type { Options, Reaction } from "./definition.ts"

/**
 * Returns the idempotency key of an event for a reactor: a name-based UUID of version 8 (RFC 9562, appendix B.2), the first 16
 * bytes of the SHA-256 of `<version>\n<reactor>\n<stream>\n<event id>`. A reaction may have sent it to another system: the
 * derivation must never change.
 */
export const keyOf = (reactor: string, version: number, { id, stream }: Pick<RecordedEvent, "id" | "stream">): string =>
  uuidOf(createHash("sha256").update(`${version}\n${reactor}\n${stream}\n${id}`).digest(), 8)

/**
 * Returns the id of a result without an id of its own: a name-based UUID as that of a command's event, but of a text that begins with
 * a word instead of a number. So a reaction may also send commands with its key as their id.
 */
const resultId = (stream: string, key: string, index: number): string =>
  uuidOf(createHash("sha256").update(`result ${index}\n${stream}\n${key}`).digest(), 8)

type Handler<E, R> = (
  event: RecordedEvent,
  handling: Handling
) => Effect.Effect<void, E | EventAppendError | StreamReadError, R | EventStore>

export const handlerOf = <E, R>({ filter, name, react, version = 1 }: Options<string, E, R>): Handler<E, R> => {
  const own = deadLetterStream(name)
  // A reaction to a dead letter that fails makes another one, for ever.
  const isLetter = ({ stream }: RecordedEvent): boolean =>
    stream === own ||
    (category(stream) === deadLetterCategory && filter.categories?.includes(deadLetterCategory) !== true)
  return (event, handling) => {
    if (isLetter(event)) return Effect.void
    const key = keyOf(name, version, event)
    return Effect.gen(function* () {
      const store = yield* EventStore
      const reaction = yield* anEffect("Reactor.make", react(event, { key }))
      const { appends, first } = plan(reaction, key)
      if (!isReplay(handling)) {
        return yield* orFirst(store, first, store.appendAll(appends, { checkpoint: handling.checkpoint }))
      }
      if (appends.length > 0) yield* orFirst(store, first, replayed(store, event, appends))
    })
  }
}

/** What a reaction appends, and the first event whose id is derived from the key. */
interface Planned {
  readonly appends: ReadonlyArray<StreamAppend>
  readonly first: { readonly stream: string; readonly id: string } | undefined
}

/** Gives the events that a reaction returns without an id one that is derived from the key. */
const plan = (reaction: Reaction, key: string): Planned => {
  if (reaction === undefined) return { appends: [], first: undefined }
  const counts = new Map<string, number>()
  let first: Planned["first"]
  const named = (stream: string, event: NewEvent): NewEvent => {
    if (typeof event !== "object" || event === null || event.id !== undefined) return event
    const index = counts.get(stream) ?? 0
    counts.set(stream, index + 1)
    const id = resultId(stream, key, index)
    first ??= { stream, id }
    return { ...event, id }
  }
  const given: ReadonlyArray<StreamAppend> = isArray(reaction) ? reaction : [reaction as StreamAppend]
  const appends = given.map((one) => {
    // The event store says what is wrong with what is not an entry.
    if (!isArray(Object(one)["events"])) return one
    return { ...one, events: one.events.map((event) => named(one.stream, event)) }
  })
  return { appends, first }
}

/**
 * Appends what a replay returns, and removes the dead letter, in one batch: it is not replayed again after a crash. Again if the lib
 * reopens itself: the ids are the same.
 */
const replayed = (
  store: EventStore["Service"],
  { position }: RecordedEvent,
  appends: ReadonlyArray<StreamAppend>
): Effect.Effect<void, EventAppendError> =>
  Effect.gen(function* () {
    const letters = yield* CurrentDeadLetters
    const removal = letters?.removal(position)
    const append = store.appendAll(removal === undefined ? appends : [...appends, removal])
    yield* repeating(store, append)
    letters?.forget(position)
  })

/**
 * An event may be handled again although its results are there, such as after its checkpoint was lost. Then the first results
 * stand, although the reaction may return others now; the event counts as done. Nothing else has the id of its first result.
 */
const orFirst = (
  store: EventStore["Service"],
  first: Planned["first"],
  append: Effect.Effect<unknown, EventAppendError>
): Effect.Effect<void, EventAppendError | StreamReadError> =>
  Effect.catchTag(Effect.asVoid(append), "EventIdConflict", (error) =>
    first === undefined
      ? Effect.fail(error)
      : Effect.flatMap(store.find(first.stream, first.id), (found) =>
          found === undefined ? Effect.fail(error) : Effect.void
        )
  )
