/** The parked events of a consumer: kept in the store, and known here. */
import * as Effect from "effect/Effect"
import type { ClaimedEntries } from "../ports/CheckpointStore.ts"
import type { StorageError } from "../ports/Storage.ts"
import { encode, type ParkedEvent, parkedKey } from "./Checkpoint.ts"
import { type HandlerFailed, whyOf } from "./ConsumerErrors.ts"
import type { ConsumerState } from "./ConsumerState.ts"

/** Most characters of an error that are kept. */
const whyMax = 1000

export class Parking {
  readonly #entries: ClaimedEntries
  readonly #state: ConsumerState

  constructor(entries: ClaimedEntries, state: ConsumerState) {
    this.#entries = entries
    this.#state = state
  }

  /** Keeps an event with its error. A replay that failed counts its attempts too. */
  park({ attempts, error, id, lib, lineage, position, revision, stream, type }: HandlerFailed, earlier = 0) {
    return Effect.suspend(() => {
      const { now } = this.#state
      const parked: ParkedEvent = {
        lib,
        lineage,
        position,
        stream,
        revision,
        type,
        id,
        attempts: earlier + attempts,
        why: whyOf(error).slice(0, whyMax),
        since: this.#state.parked.get(position)?.since ?? now,
        time: now
      }
      return Effect.map(this.#entries.set(parkedKey(position), encode(parked)), () => {
        this.#state.parked.set(position, parked)
      })
    })
  }

  /** Forgets a parked event. Does nothing if this position has no parked event. */
  unpark(position: number): Effect.Effect<void, StorageError> {
    return Effect.suspend(() => {
      if (!this.#state.parked.has(position)) return Effect.void
      return Effect.map(this.#entries.remove(parkedKey(position)), () => {
        this.#state.parked.delete(position)
      })
    })
  }
}
