/**
 * What is known of the streams that are being appended to: their last revision, durable and pending, and the ids that
 * are on their way. Bounded; a stream that is not in use is forgotten and looked up again.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { OpenTape } from "../lib/OpenTape.ts"

/** An event with an id that the caller gave, accepted into a batch while its stream is in use. */
export interface Accepted {
  readonly id: string
  readonly content: string
  readonly revision: number
  readonly position: number
  readonly batch: number
}

/** A look-up of ids that is in use: it has seen what was durable with batch `since`. */
export interface Watch {
  readonly since: number
}

/** There are many of these: what few of them need is made when they need it. */
export class StreamState {
  readonly name: string
  /** The tape that the stream is placed on; known once the state is loaded. */
  tape!: OpenTape
  loaded = false
  /** The tape's generation that this was loaded from. */
  generation = 0
  /** Last revision, pending batches included; −1 where there is no event. */
  revision = -1
  /** Last revision that is durable. */
  durable = -1
  /** The last batch that this stream is in, if it was appended to while in use. */
  batch = 0
  /** Accepted lately: what a look-up of ids that began earlier may have missed. */
  #accepted: Array<Accepted> | undefined
  #watches: Set<Watch> | undefined
  #lock: Semaphore.Semaphore | undefined
  pins = 0

  constructor(name: string) {
    this.name = name
  }

  /** The tape was recovered since: where the stream stands must be looked up again. */
  get isStale(): boolean {
    return this.generation !== this.tape.generation
  }

  /** One load at a time. */
  get lock(): Semaphore.Semaphore {
    this.#lock ??= Semaphore.makeUnsafe(1)
    return this.#lock
  }

  accept(accepted: Accepted): void {
    this.#accepted ??= []
    this.#accepted.push(accepted)
  }

  acceptedWith(id: string): Accepted | undefined {
    return this.#accepted?.find((accepted) => accepted.id === id)
  }

  watch(watch: Watch): void {
    this.#watches ??= new Set()
    this.#watches.add(watch)
  }

  unwatch(watch: Watch): void {
    this.#watches?.delete(watch)
  }

  /** Batch `batch` is durable: forgets what every look-up that is in use, or still to come, sees by itself. */
  settle(batch: number): void {
    this.durable = this.revision
    if (this.#accepted === undefined) return
    let seen = batch
    for (const watch of this.#watches ?? []) seen = Math.min(seen, watch.since)
    const left = this.#accepted.filter((accepted) => accepted.batch > seen)
    this.#accepted = left.length > 0 ? left : undefined
  }

  /** Nobody has it in use, so nobody looks up ids or waits for a load. */
  rest(): void {
    this.#watches = undefined
    this.#lock = undefined
  }
}

/** States kept for streams that are not in use. */
const statesMax = 100_000

export class StreamStates {
  readonly #states = new Map<string, StreamState>()

  /** The state of a stream, pinned until `release`. It may have to be loaded. */
  pin(name: string): StreamState {
    const known = this.#states.get(name)
    const state = known ?? new StreamState(name)
    if (known === undefined) this.#states.set(name, state)
    state.pins++
    return state
  }

  /** Loads a state that is pinned, unless that was done: once for all who wait for it, and again after it failed. */
  load<E>(state: StreamState, find: (state: StreamState) => Effect.Effect<void, E>): Effect.Effect<void, E> {
    const unlessLoaded = (then: () => Effect.Effect<void, E>) =>
      Effect.suspend(() => (state.loaded && !state.isStale ? Effect.void : then()))
    return unlessLoaded(() => state.lock.withPermit(unlessLoaded(() => find(state))))
  }

  /** Gives each entry the state of its stream, if all of these are known already; pinned, all or none. */
  acquireAllLoaded(entries: ReadonlyArray<{ readonly stream: string; state: StreamState }>): boolean {
    for (const entry of entries) {
      const state = this.#states.get(entry.stream)
      if (state === undefined || !state.loaded || state.isStale) return false
      entry.state = state
    }
    for (const { state } of entries) state.pins++
    return true
  }

  /** Whether the stream was looked up before, so that its name is a good one. */
  isKnown(name: string): boolean {
    return this.#states.has(name)
  }

  /** Must be called once for each time that a state was pinned. */
  release(state: StreamState): void {
    state.pins--
    if (state.pins > 0) return
    state.rest()
    if (!state.loaded) this.#states.delete(state.name)
    else if (this.#states.size > statesMax) this.#evict()
  }

  #evict(): void {
    // The oldest tenth at once, so that this is rare; those in use stay.
    let left = statesMax / 10
    for (const [name, state] of this.#states) {
      if (left-- === 0) return
      if (state.pins === 0) this.#states.delete(name)
    }
  }
}
