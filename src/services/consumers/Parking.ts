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

  /** Keeps an event with its error. */
  park(failed: HandlerFailed): Effect.Effect<void, StorageError> {
    return this.#keep(failed, undefined)
  }

  /** Keeps the error of a replay, and counts its attempts too. Does nothing if the event was dropped meanwhile. */
  parkAgain(failed: HandlerFailed): Effect.Effect<void, StorageError> {
    return Effect.suspend(() => {
      const { position } = failed
      const before = this.#state.parked.get(position)
      return before === undefined ? Effect.void : this.#keep(failed, before)
    })
  }

  #keep(
    { attempts, error, id, lib, lineage, position, revision, stream, type }: HandlerFailed,
    before: ParkedEvent | undefined
  ): Effect.Effect<void, StorageError> {
    return Effect.suspend(() => {
      const state = this.#state
      const { now } = state
      const parked: ParkedEvent = {
        lib,
        lineage,
        position,
        stream,
        revision,
        type,
        id,
        attempts: (before?.attempts ?? 0) + attempts,
        why: whyOf(error).slice(0, whyMax),
        since: state.parked.get(position)?.since ?? now,
        time: now
      }
      return Effect.flatMap(this.#entries.set(parkedKey(position), encode(parked)), () => {
        if (before !== undefined && !state.parked.has(position)) return this.#entries.remove(parkedKey(position))
        state.parked.set(position, parked)
        return Effect.void
      })
    })
  }

  /** Forgets a parked event. Does nothing if this position has no parked event. */
  unpark(position: number): Effect.Effect<void, StorageError> {
    return Effect.map(this.remove([position]), () => this.forget([position]))
  }

  /** Removes records of parked events. In a transaction, they are forgotten only once it is committed. */
  remove(positions: ReadonlyArray<number>): Effect.Effect<void, StorageError> {
    return Effect.suspend(() => {
      const parked = positions.filter((position) => this.#state.parked.has(position))
      return Effect.forEach(parked, (position) => this.#entries.remove(parkedKey(position)), { discard: true })
    })
  }

  /** Forgets parked events whose records are removed. */
  forget(positions: ReadonlyArray<number>): void {
    for (const position of positions) this.#state.parked.delete(position)
  }
}
