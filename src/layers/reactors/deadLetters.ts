/**
 * Keeps the checkpoint of a reactor in its lib, and the events that it has given up as well: its dead letters, which are events of a
 * stream of its own. A dead letter names its event and the error. The data of the event stays where it is.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { commandEventId } from "../../domain/event/commandIds.ts"
import { parseJson } from "../../domain/json/strictDecode.ts"
import { isParkedKey, type ParkedEvent, parkedKey } from "../../services/consumers/Checkpoint.ts"
import { EventContext } from "../../services/EventContext.ts"
import type {
  AppendCheckpoint,
  AppendResult,
  EventAppendError,
  EventStore,
  NewEvent,
  RecordedEvent,
  StreamAppend
} from "../../services/EventStore.ts"
import type { CheckpointStore, ClaimedEntries } from "../../services/ports/CheckpointStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { makeLib, writing } from "../checkpoints/lib.ts"

/** Category of the streams of dead letters. */
export const deadLetterCategory = "deadletter"

const types = { added: "DeadLetterAdded", removed: "DeadLetterRemoved" } as const

export const deadLetterStream = (reactor: string): string => `${deadLetterCategory}-${reactor}`

type Store = EventStore["Service"]

/** A dead letter that is not removed, by its key: as a consumer keeps it, and its revision among all of them. */
interface Letter {
  readonly text: string
  readonly revision: number
}

/** The dead letters of a reactor that runs. */
export class DeadLetters {
  readonly #store: Store
  readonly #reactor: string
  readonly #version: number
  readonly #letters = new Map<string, Letter>()

  constructor(store: Store, reactor: string, version: number) {
    this.#store = store
    this.#reactor = reactor
    this.#version = version
  }

  /** Makes a store of checkpoints in the lib, with these dead letters. */
  readonly checkpoints: CheckpointStore["Service"] = {
    claim: (consumer, onClaimed) =>
      Effect.gen({ self: this }, function* () {
        const entries = yield* makeLib(this.#store).claim(consumer, onClaimed)
        // `Consumer.run` fails with what a claim fails with, which may be any error of reading.
        yield* this.#read as Effect.Effect<void, StorageError>
        return this.#entries(entries)
      })
  }

  /** Returns the entry that removes the dead letter of an event together with other events; `undefined` without a letter. */
  removal(position: number): StreamAppend | undefined {
    const letter = this.#letters.get(parkedKey(position))
    if (letter === undefined) return undefined
    const { id } = parseJson(letter.text) as ParkedEvent
    const stream = deadLetterStream(this.#reactor)
    // The same each time, so that a removal whose outcome is unknown can be repeated.
    const removalId = commandEventId(stream, `${types.removed} ${letter.revision}`, 0)
    return { stream, events: [{ type: types.removed, id: removalId, data: { id, position } }] }
  }

  /** Notes that a dead letter was removed together with other events. */
  forget(position: number): void {
    this.#letters.delete(parkedKey(position))
  }

  readonly #read = Effect.suspend(() => {
    this.#letters.clear()
    return Stream.runForEach(this.#store.read(deadLetterStream(this.#reactor)), (event) =>
      Effect.sync(() => this.#fold(event))
    )
  })

  #fold({ data, revision, type }: RecordedEvent): void {
    const key = parkedKey(Number(Object(data)["position"]))
    if (type === types.added) this.#letters.set(key, { text: JSON.stringify(data), revision })
    else if (type === types.removed) this.#letters.delete(key)
  }

  #entries(entries: ClaimedEntries): ClaimedEntries {
    const letters = this.#letters
    return {
      ...entries,
      get: (key) => (isParkedKey(key) ? Effect.sync(() => letters.get(key)?.text) : entries.get(key)),
      set: (key, text) => (isParkedKey(key) ? this.#add(key, text) : entries.set(key, text)),
      remove: (key) => (isParkedKey(key) ? this.#remove(key) : entries.remove(key)),
      keys: Effect.map(entries.keys, (keys) => [...keys, ...letters.keys()]),
      inLib: { ...entries.inLib!, keepsParked: true }
    }
  }

  /**
   * Appends a dead letter together with the checkpoint in which its event is done: a replay that succeeds does not let it be
   * handled once more after a crash. A letter that is replaced is one whose event is done.
   */
  #add(key: string, text: string): Effect.Effect<void, StorageError> {
    const data = parseJson(text) as ParkedEvent
    const { lib, lineage, position } = data
    const checkpoint = { consumer: this.#reactor, version: this.#version, lib, lineage, position }
    const event: NewEvent = { type: types.added, data }
    const done = Effect.catchTag(this.#append(event, data.id, { checkpoint }), "CheckpointNotIncreased", () =>
      this.#append(event, data.id, {})
    )
    return Effect.map(writing(this.#store, done), ({ lastRevision: revision }) => {
      this.#letters.set(key, { text, revision })
    })
  }

  #remove(key: string): Effect.Effect<void, StorageError> {
    const letter = this.#letters.get(key)
    if (letter === undefined) return Effect.void
    const { id, position } = parseJson(letter.text) as ParkedEvent
    const [event] = this.removal(position)!.events
    return Effect.map(writing(this.#store, this.#append(event!, id, {})), () => void this.#letters.delete(key))
  }

  #append(
    event: NewEvent,
    causationId: string,
    options: { readonly checkpoint?: AppendCheckpoint }
  ): Effect.Effect<AppendResult, EventAppendError> {
    const append = this.#store.append(deadLetterStream(this.#reactor), [event], options)
    return Effect.provideService(append, EventContext, { causationId })
  }
}

/** The dead letters of the reactor that calls; `undefined` for everybody else. */
export const CurrentDeadLetters: Context.Reference<DeadLetters | undefined> = Context.Reference<
  DeadLetters | undefined
>("litetapes/Reactor/CurrentDeadLetters", { defaultValue: () => undefined })
