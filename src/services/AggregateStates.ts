/** States of aggregates: from memory, from a snapshot, or folded from events; and what becomes of them after a command. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { containsPlace } from "../domain/meta/LibHistory.ts"
import { lineageOf } from "../domain/meta/LibState.ts"
import type { EventSchemaError } from "../domain/event/EventErrors.ts"
import { appenderOf } from "./appenders.ts"
import { madeDeciders, type Snapshots } from "./deciders/Snapshot.ts"
import { type Known, StateCache } from "./deciders/StateCache.ts"
import { type AppendResult, EventStore, type NewEvent, type RecordedEvent } from "./EventStore.ts"
import type { Internals } from "./internals.ts"
import type { EventAppendError } from "./streams/EventAppender.ts"
import { findEnd, knownEnd, type StreamEnd } from "./streams/StreamEnd.ts"
import type { StorageError } from "./ports/Storage.ts"
import type { StreamReadError } from "./streams/StreamReader.ts"
import type { InvalidStreamName } from "../domain/format/Placement.ts"

/** An event as the application has it, and where it is stored. */
export interface Stored {
  readonly type: string
  readonly data: unknown
  readonly id: string
  readonly revision: number
  readonly position: number
}

/** A decider, as this package uses it. Its types are checked where it is made. */
export interface AnyDecider {
  readonly name: string
  readonly category: {
    readonly name: string
    readonly stream: (id: string) => string
    readonly isErasable?: boolean
    readonly encode: (event: unknown) => Effect.Effect<NewEvent, EventSchemaError | StorageError>
    readonly decode: (event: RecordedEvent) => Effect.Effect<Stored, EventSchemaError | StorageError>
    readonly read: (
      id: string,
      options?: { readonly from?: number }
    ) => Stream.Stream<Stored, StreamReadError | EventSchemaError, EventStore>
  }
  readonly options: {
    readonly initialState: () => unknown
    readonly evolve: (state: unknown, event: unknown) => unknown
    readonly decide: (command: unknown, state: unknown) => unknown
    readonly version?: number
    readonly cache?: number
    readonly snapshot?: { readonly every: number }
  }
}

/** The result of a command that was done before. It is `repeated` if the command has made events of this aggregate. */
export interface Past {
  readonly events: ReadonlyArray<{ readonly type: string; readonly data: unknown }>
  readonly state: unknown
  readonly revision: number
  readonly position?: number
  readonly repeated: boolean
}

/** Why a state could not be loaded. */
export type LoadStateError = EventAppendError | StreamReadError | EventSchemaError | InvalidStreamName

const statesMax = 1000

/** The states of one decider in one session of a lib. A session that was opened again begins without any. */
export class AggregateStates {
  readonly #session: Internals
  readonly #decider: AnyDecider
  readonly #cache: StateCache<unknown>
  readonly #isKept: boolean

  constructor(session: Internals, decider: AnyDecider) {
    // A state in memory would still hold what was decrypted once its subject is forgotten, perhaps by another process.
    const isKept = session.writer !== undefined && decider.category.isErasable !== true
    const kept = isKept ? (decider.options.cache ?? statesMax) : 0
    this.#session = session
    this.#decider = decider
    this.#cache = new StateCache(kept)
    this.#isKept = kept > 0
  }

  /**
   * Returns the state of an aggregate after all events that are durable now. Takes it out of memory: `keep` returns it.
   */
  take(id: string): Effect.Effect<Known<unknown>, LoadStateError, EventStore> {
    return Effect.suspend(() => {
      const stream = this.#decider.category.stream(id)
      const known = this.#cache.take(stream)
      const end = this.#knownEnd(stream)
      const isCurrent = known !== undefined && known.revision === end?.revision && known.generation === end.generation
      return isCurrent ? Effect.succeed(known) : this.#catchUp(id, stream, known, end)
    })
  }

  /** Keeps the state of an aggregate for the next command. */
  keep(id: string, known: Known<unknown>): void {
    this.#cache.put(this.#decider.category.stream(id), known)
  }

  /** Returns the state after the events that a command is about to append. `evolve` may change the known one for that. */
  fold(known: Known<unknown>, events: ReadonlyArray<unknown>): Known<unknown> {
    let { state } = known
    for (const event of events) state = this.#decider.options.evolve(state, event)
    return { ...known, state }
  }

  /** Returns the folded state as that of the events that were appended. */
  after(
    id: string,
    folded: Known<unknown>,
    last: { readonly revision: number; readonly position: number }
  ): Effect.Effect<Known<unknown>, never, EventStore> {
    return Effect.suspend(() => {
      const stream = this.#decider.category.stream(id)
      return this.#withSnapshot(stream, { ...folded, ...last, generation: this.#knownEnd(stream)?.generation })
    })
  }

  /**
   * Returns what became of an aggregate by a command that ended at `position`, and has made the events `made` of it: the
   * state after these events, even if the caller has given the same command id to another command since.
   */
  at(id: string, position: number, made: AppendResult | undefined): Effect.Effect<Past, LoadStateError, EventStore> {
    return Effect.suspend(() => {
      const { category, options } = this.#decider
      let { revision, state } = this.#initial()
      const end = made?.lastPosition ?? position
      const events: Array<{ readonly type: string; readonly data: unknown }> = []
      const fold = Stream.runForEachArray(
        Stream.takeWhile(category.read(id), (event) => event.position <= end),
        (some) =>
          Effect.sync(() => {
            for (const event of some) {
              state = options.evolve(state, event)
              ;({ revision } = event)
              const isOfCommand = made !== undefined && revision >= made.firstRevision && revision <= made.lastRevision
              if (isOfCommand) events.push({ type: event.type, data: event.data })
            }
          })
      )
      const last = made === undefined ? {} : { position: made.lastPosition }
      return Effect.map(fold, () => ({ events, state, revision, ...last, repeated: made !== undefined }))
    })
  }

  #initial(): Known<unknown> {
    const state = this.#decider.options.initialState()
    return { state, revision: -1, position: -1, generation: undefined, snapshot: -1 }
  }

  #knownEnd(stream: string): StreamEnd | undefined {
    const appender = appenderOf(this.#session)
    return appender === undefined ? undefined : knownEnd(appender.states, stream)
  }

  /** Folds the events after `known`, or all of them if `known` is not in the history of the stream. */
  #catchUp(id: string, stream: string, known: Known<unknown> | undefined, end: StreamEnd | undefined) {
    return Effect.gen({ self: this }, function* () {
      // Looked up before the events are read: if the tape is recovered meanwhile, the state does not count as current.
      const { generation } = end ?? (yield* this.#findEnd(stream)) ?? { generation: undefined }
      const base = known ?? (yield* this.#readSnapshot(stream))
      const folded =
        (base === undefined ? undefined : yield* this.#foldAfter(id, base)) ??
        (yield* this.#foldAfter(id, this.#initial()))!
      return yield* this.#withSnapshot(stream, { ...folded, generation })
    })
  }

  /** Finds the end of a stream, so that the next command need not. Its append would look it up anyway. */
  #findEnd(stream: string) {
    const appender = this.#isKept ? appenderOf(this.#session) : undefined
    return appender === undefined ? Effect.succeed(undefined) : findEnd(this.#session.handle, appender.states, stream)
  }

  /** Returns `undefined` if the last event of the base is not the one that the stream has there. */
  #foldAfter(id: string, base: Base): Effect.Effect<Known<unknown> | undefined, LoadStateError, EventStore> {
    const { category, options } = this.#decider
    const { id: lastId, ...known } = base
    let { position, revision, state } = known
    // The last event is read again, to compare it.
    let isFitting: boolean | undefined = revision === -1 ? true : undefined
    const fold = Stream.runForEachArray(category.read(id, { from: Math.max(0, revision) }), (events) =>
      Effect.sync(() => {
        for (const event of events) {
          if (isFitting === undefined) {
            isFitting = event.revision === revision && event.position === position && event.id === (lastId ?? event.id)
          } else if (isFitting) {
            state = options.evolve(state, event)
            ;({ position, revision } = event)
          }
        }
      })
    )
    return Effect.map(fold, () => (isFitting === true ? { ...known, position, revision, state } : undefined))
  }

  #readSnapshot(stream: string): Effect.Effect<Base | undefined> {
    const snapshots = this.#snapshots
    if (snapshots === undefined) return Effect.succeed(undefined)
    const { journal, meta, root } = this.#session.handle
    return Effect.map(snapshots.read(root.derived, stream), (found) => {
      if (found === undefined || !containsPlace(meta.state, journal.durable.position, found)) return undefined
      const { id, position, revision, state } = found
      return { id, position, revision, state, generation: undefined, snapshot: revision }
    })
  }

  get #snapshots(): Snapshots | undefined {
    // `Decider.make` refuses them, unless a schema was not defined yet.
    return this.#decider.category.isErasable === true ? undefined : madeDeciders.get(this.#decider)?.snapshots
  }

  /** Writes a snapshot if the last one is old enough. */
  #withSnapshot(stream: string, known: Known<unknown>): Effect.Effect<Known<unknown>, never, EventStore> {
    const { snapshot } = this.#decider.options
    const isDue =
      snapshot !== undefined && this.#snapshots !== undefined && known.revision - known.snapshot >= snapshot.every
    if (!isDue || this.#session.writer === undefined) return Effect.succeed(known)
    return Effect.gen({ self: this }, function* () {
      const store = yield* EventStore
      const { position, revision, state } = known
      const { handle } = this.#session
      const { lib } = handle.meta.state
      const last = yield* Stream.runHead(store.read(stream, { from: revision, limit: 1 }))
      if (last._tag === "None" || last.value.position !== position) return known
      const place = { lib, lineage: lineageOf(handle.meta.state), position, revision, id: last.value.id }
      yield* this.#snapshots!.write(handle.root.derived, stream, place, state)
      return { ...known, snapshot: revision }
    }).pipe(Effect.orElseSucceed(() => known))
  }
}

/** What is known of an aggregate; from a snapshot also the id of its last event. */
interface Base extends Known<unknown> {
  readonly id?: string
}
