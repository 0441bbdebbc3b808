/**
 * Keeps the checkpoint of a reactor in its lib, and the events that it has given up as well: its dead letters, which are events of a
 * stream of its own. A dead letter names its event and the error. The data of the event stays where it is.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { parseJson } from "../../domain/json/strictDecode.ts"
import { isParkedKey, parkedKey } from "../../services/consumers/Checkpoint.ts"
import { EventContext } from "../../services/EventContext.ts"
import type { EventStore, NewEvent, RecordedEvent } from "../../services/EventStore.ts"
import type { CheckpointStore, ClaimedEntries } from "../../services/ports/CheckpointStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { makeLib, writing } from "../checkpoints/lib.ts"

/** Category of the streams of dead letters. */
export const deadLetterCategory = "deadletter"

const types = { added: "DeadLetterAdded", removed: "DeadLetterRemoved" } as const

export const deadLetterStream = (reactor: string): string => `${deadLetterCategory}-${reactor}`

/** Makes a store of checkpoints in the lib of an event store, with dead letters. */
export const makeWithDeadLetters = (store: EventStore["Service"]): CheckpointStore["Service"] => ({
  claim: (consumer, onClaimed) =>
    Effect.gen(function* () {
      const entries = yield* makeLib(store).claim(consumer, onClaimed)
      // `Consumer.run` fails with what a claim fails with, which may be any error of reading.
      const letters = yield* readLetters(store, consumer) as Effect.Effect<Map<string, string>, StorageError>
      return withLetters(store, consumer, entries, letters)
    })
})

/** Returns the texts of the dead letters that are left, by key. */
const readLetters = (store: EventStore["Service"], reactor: string) =>
  Stream.runFold(
    store.read(deadLetterStream(reactor)),
    () => new Map<string, string>(),
    (letters, { data, type }: RecordedEvent) => {
      const position: unknown = Object(data)["position"]
      const key = parkedKey(Number(position))
      if (type === types.added) letters.set(key, JSON.stringify(data))
      else if (type === types.removed) letters.delete(key)
      return letters
    }
  )

const withLetters = (
  store: EventStore["Service"],
  reactor: string,
  entries: ClaimedEntries,
  letters: Map<string, string>
): ClaimedEntries => {
  const stream = deadLetterStream(reactor)
  const append = (event: NewEvent, causationId: string | undefined) =>
    writing(store, store.append(stream, [event])).pipe(
      Effect.provideService(EventContext, causationId === undefined ? undefined : { causationId })
    )
  return {
    ...entries,
    get: (key) => (isParkedKey(key) ? Effect.sync(() => letters.get(key)) : entries.get(key)),
    set: (key, text) => {
      if (!isParkedKey(key)) return entries.set(key, text)
      const data = parseJson(text) as { readonly id: string }
      return Effect.map(append({ type: types.added, data }, data.id), () => void letters.set(key, text))
    },
    remove: (key) => {
      const text = letters.get(key)
      if (text === undefined) return entries.remove(key)
      const { id, position } = parseJson(text) as { readonly id: string; readonly position: number }
      return Effect.map(append({ type: types.removed, data: { id, position } }, id), () => void letters.delete(key))
    },
    keys: Effect.map(entries.keys, (keys) => [...keys, ...letters.keys()]),
    inLib: { ...entries.inLib!, keepsParked: true }
  }
}
