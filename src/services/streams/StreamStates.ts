/**
 * The states of streams that are being appended to: last durable and pending revision, and pending ids. Bounded: a
 * stream that is not in use is dropped, and looked up again.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Lost } from "../../domain/meta/SystemRecord.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { RecentEvents } from "./RecentEvents.ts"

/** An event with an id from the caller, accepted into a batch while its stream is in use. */
export interface Accepted {
  readonly id: string
  readonly content: string
  readonly revision: number
  readonly position: number
  readonly batch: number
}

/** A look-up of ids in progress, which sees everything that was durable with batch `since`. */
export interface Watch {
  readonly since: number
}

/** There are many of these, so rarely needed fields are created when they are needed. */
export class StreamState {
  readonly name: string
  /** The tape of the stream, known once the state is loaded. */
  tape!: OpenTape
  loaded = false
  /** Generation of the tape when this was loaded. */
  generation = 0
  /** Last revision, including pending batches; −1 if there are no events. */
  revision = -1
  /** Number of revisions after it that lost events may have: the next event skips them. */
  skip = 0
  /** A loss that may hold later events, so that the revision is not known. */
  doubt: Lost | undefined
  /** Last durable revision. */
  durable = -1
  /** The last batch with events of this stream, if it was appended to while in use. */
  batch = 0
  /** Recently accepted events, which an earlier look-up of ids may have missed. */
  #accepted: Array<Accepted> | undefined
  /** The same by id, once a call looks up many. */
  #acceptedById: Map<string, Accepted> | undefined
  #watches: Set<Watch> | undefined
  #lock: Semaphore.Semaphore | undefined
  pins = 0

  constructor(name: string) {
    this.name = name
  }

  /** Whether the tape was recovered since, so that the stream must be looked up again. */
  get isStale(): boolean {
    return this.generation !== this.tape.generation
  }

  /** Only one load runs at a time. */
  get lock(): Semaphore.Semaphore {
    this.#lock ??= Semaphore.makeUnsafe(1)
    return this.#lock
  }

  accept(accepted: Accepted): void {
    this.#accepted ??= []
    this.#accepted.push(accepted)
    this.#acceptedById?.set(accepted.id, accepted)
  }

  acceptedWith(id: string): Accepted | undefined {
    if (this.#accepted === undefined) return undefined
    if (this.#accepted.length <= fewAccepted) return this.#accepted.find((accepted) => accepted.id === id)
    this.#acceptedById ??= new Map(this.#accepted.map((accepted) => [accepted.id, accepted]))
    return this.#acceptedById.get(id)
  }

  watch(watch: Watch): void {
    this.#watches ??= new Set()
    this.#watches.add(watch)
  }

  unwatch(watch: Watch): void {
    this.#watches?.delete(watch)
  }

  /** Batch `batch` is durable: drops accepted events that every look-up, in progress or to come, sees by itself. */
  settle(batch: number): void {
    this.durable = this.revision
    if (this.#accepted === undefined) return
    let seen = batch
    for (const watch of this.#watches ?? []) seen = Math.min(seen, watch.since)
    const left = this.#accepted.filter((accepted) => accepted.batch > seen)
    this.#accepted = left.length > 0 ? left : undefined
    this.#acceptedById = undefined
  }

  /** Releases fields that only a stream in use needs: no look-up of ids and no load is in progress. */
  rest(): void {
    this.#watches = undefined
    this.#lock = undefined
  }
}

/** So many accepted events are searched faster than a map of them is made. */
const fewAccepted = 16

/** Number of states kept for streams that are not in use. */
const statesMax = 100_000

export class StreamStates {
  readonly #states = new Map<string, StreamState>()
  /** The events that were accepted of late. Kept once a condition was used. */
  recent: RecentEvents | undefined = undefined

  /** Returns the state of a stream, pinned until `release`. It may have to be loaded. */
  pin(name: string): StreamState {
    const known = this.#states.get(name)
    const state = known ?? new StreamState(name)
    if (known === undefined) this.#states.set(name, state)
    state.pins++
    return state
  }

  /** Loads a pinned state unless it is loaded. Loads it once for all who wait, and again after a failure. */
  load<E>(state: StreamState, find: (state: StreamState) => Effect.Effect<void, E>): Effect.Effect<void, E> {
    const unlessLoaded = (then: () => Effect.Effect<void, E>) =>
      Effect.suspend(() => (state.loaded && !state.isStale ? Effect.void : then()))
    return unlessLoaded(() => state.lock.withPermit(unlessLoaded(() => find(state))))
  }

  /**
   * Assigns each entry the pinned state of its stream if all of these are loaded; otherwise pins none. Returns whether
   * it did.
   */
  acquireAllLoaded(entries: ReadonlyArray<{ readonly stream: string; state: StreamState }>): boolean {
    for (const entry of entries) {
      const state = this.#states.get(entry.stream)
      if (state === undefined || !state.loaded || state.isStale) return false
      entry.state = state
    }
    for (const { state } of entries) state.pins++
    return true
  }

  /** Returns the state of a stream if it is loaded. */
  loadedState(name: string): StreamState | undefined {
    const state = this.#states.get(name)
    return state === undefined || !state.loaded || state.isStale ? undefined : state
  }

  /** Returns whether the stream was looked up before, so that its name is valid. */
  isKnown(name: string): boolean {
    return this.#states.has(name)
  }

  /** Releases a state. Call it once for each time that the state was pinned. */
  release(state: StreamState): void {
    state.pins--
    if (state.pins > 0) return
    state.rest()
    if (!state.loaded) this.#states.delete(state.name)
    else if (this.#states.size > statesMax) this.#evict()
  }

  #evict(): void {
    // Drops a tenth at a time, the oldest first, so that this is rare. States in use stay.
    let left = statesMax / 10
    for (const [name, state] of this.#states) {
      if (left-- === 0) return
      if (state.pins === 0) this.#states.delete(name)
    }
  }
}
