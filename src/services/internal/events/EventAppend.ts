/**
 * Appending events: encoded in the caller's fibre, checked and given their revisions and positions when their batch is
 * sealed, against durable plus pending state.
 */
import * as Effect from "effect/Effect"
import * as Event from "../../../domain/Event.ts"
import { EventIdConflict, type ExpectedRevision } from "../../../domain/EventErrors.ts"
import { checkStreamName, type InvalidStreamName } from "../../../domain/Placement.ts"
import type { TaraSONError } from "../../../domain/TaraSONError.ts"
import { attempt } from "../attempt.ts"
import type { CommitError, CommitLoop } from "../CommitLoop.ts"
import type { Core } from "../Core.ts"
import type { SegmentError } from "../SegmentIndexFile.ts"
import { type AppendResult, type Entry, type Prepared, type Refusal, requestOf } from "./EventRequest.ts"
import { findById } from "./StreamSources.ts"
import type { StreamState, StreamStates } from "./StreamStates.ts"
import { loadState, type LoadStreamError } from "./StreamLoad.ts"

/** Events for one stream, and what they expect of it. Without events it is a condition alone. */
export interface StreamAppend {
  readonly stream: string
  readonly events: ReadonlyArray<Event.NewEvent>
  readonly expected?: ExpectedRevision
}

export type { AppendResult }

/** What appending events may fail with. After `CommitOutcomeUnknown` they may be there or not; after any other they are not. */
export type EventAppendError =
  | CommitError
  | LoadStreamError
  | SegmentError
  | Refusal
  | InvalidStreamName
  | Event.InvalidEvent
  | TaraSONError

export class EventAppender {
  readonly #core: Core
  readonly #loop: CommitLoop
  readonly #states: StreamStates
  #time = ""
  #timeMillis = -1

  constructor(core: Core, loop: CommitLoop, states: StreamStates) {
    this.#core = core
    this.#loop = loop
    this.#states = states
  }

  /** One atomic batch over several streams. */
  append(appends: ReadonlyArray<StreamAppend>): Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError> {
    return Effect.clockWith((clock) => {
      const refusal = this.#core.refusal()
      if (refusal !== undefined) return Effect.fail(refusal)
      const now = clock.currentTimeMillisUnsafe()
      // Before anything is looked up: what cannot be stored leaves nothing behind, not even a tape.
      return Effect.flatMap(
        attempt<ReadonlyArray<Prepared>, EventAppendError>(() => this.#encodeAll(appends, now)),
        (prepared) => this.#appendPrepared(appends, prepared)
      )
    })
  }

  #appendPrepared(appends: ReadonlyArray<StreamAppend>, prepared: ReadonlyArray<Prepared>) {
    const afterLookUps = Effect.suspend(() => this.#acquireAll(appends, (states) => this.#submit(prepared, states)))
    if (prepared.some(({ given }) => given.size > 0)) return afterLookUps
    // The usual case: all streams are known, nothing is looked up, and nothing but the batch is waited for.
    return Effect.callback<ReadonlyArray<AppendResult>, EventAppendError>((resume) => {
      const states = this.#states.acquireAllLoaded(appends)
      if (states === undefined) return resume(afterLookUps)
      const entries = prepared.map((one, index) => entryOf(one, states[index]!))
      const ended = () => {
        for (const state of states) this.#states.release(state)
      }
      return this.#loop.enqueue({ ...requestOf(this.#core, entries), ended }, resume)
    })
  }

  /** Pins the states of all streams while `use` runs. */
  #acquireAll<A, E>(
    appends: ReadonlyArray<StreamAppend>,
    use: (states: ReadonlyArray<StreamState>) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | LoadStreamError | SegmentError> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const states: Array<StreamState> = []
        const releaseAll = Effect.sync(() => {
          for (const state of states) this.#states.release(state)
        })
        const acquire = Effect.forEach(
          appends,
          ({ stream }) => Effect.map(restore(this.#acquire(stream)), (state) => void states.push(state)),
          { discard: true }
        )
        return Effect.ensuring(
          Effect.flatMap(acquire, () => restore(Effect.suspend(() => use(states)))),
          releaseAll
        )
      })
    )
  }

  #acquire(stream: string): Effect.Effect<StreamState, LoadStreamError | SegmentError> {
    return this.#states.acquire(stream, (state) => loadState(this.#core, state))
  }

  #submit(
    prepared: ReadonlyArray<Prepared>,
    states: ReadonlyArray<StreamState>
  ): Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError> {
    const entries = prepared.map((one, index) => entryOf(one, states[index]!))
    const submit = Effect.suspend(() => this.#loop.submit(requestOf(this.#core, entries)))
    const given = entries.filter((entry) => entry.given.size > 0)
    if (given.length === 0) return submit
    const unwatch = Effect.sync(() => {
      for (const { state, watch } of given) if (watch !== undefined) state.unwatch(watch)
    })
    const find = Effect.forEach(given, (entry) => this.#findIds(entry), { discard: true })
    return Effect.ensuring(Effect.andThen(find, submit), unwatch)
  }

  #encodeAll(appends: ReadonlyArray<StreamAppend>, now: number): ReadonlyArray<Prepared> {
    if (now !== this.#timeMillis) {
      this.#timeMillis = now
      this.#time = new Date(now).toISOString()
    }
    const prepared = appends.map((append) => this.#encode(append, now))
    if (appends.length > 1) refuseTwins(appends, prepared)
    return prepared
  }

  #encode(append: StreamAppend, now: number): Prepared {
    const { stream, expected = "any" } = append
    const text = this.#states.textOf(stream) ?? JSON.stringify(checkStreamName(stream))
    if (typeof expected !== "number" && !conditions.has(expected)) {
      throw new TypeError(`expected is a revision, "any", "no-stream" or "stream-exists", not ${String(expected)}`)
    }
    let given: Set<string> | undefined
    const events = append.events.map((event, index) => {
      if (event.id !== undefined) {
        if (given?.has(event.id) === true) {
          throw new EventIdConflict({ stream: append.stream, id: event.id, why: "twice-in-one-batch" })
        }
        given ??= new Set()
        given.add(event.id)
      }
      const id = event.id ?? this.#core.uuid(now)
      return Event.encode({ name: stream, text }, event, index, id, this.#time, this.#core.state.limits)
    })
    return { expected, events, given: given ?? noIds }
  }

  /** Looks the given ids up in what is durable. What is accepted from here on is noted by the pinned state. */
  #findIds(entry: Entry): Effect.Effect<void, SegmentError> {
    return Effect.suspend(() => {
      entry.watch = { since: this.#core.durable.batch }
      entry.state.watch(entry.watch)
      return Effect.forEach(entry.given, (id) => this.#findId(entry, id), { discard: true })
    })
  }

  #findId(entry: Entry, id: string): Effect.Effect<void, SegmentError> {
    return Effect.map(findById(this.#core, entry.state.tape, entry.state.name, id), (event) => {
      if (event === undefined) return
      const { revision, position } = event
      entry.found.set(id, { revision, position, content: Event.content(event, this.#core.state.limits) })
    })
  }
}

const entryOf = ({ expected, events, given }: Prepared, state: StreamState): Entry => ({
  state,
  expected,
  events,
  given,
  found: given.size === 0 ? noKnown : new Map(),
  watch: undefined
})

const noIds: ReadonlySet<string> = new Set()
const noKnown: Entry["found"] = new Map()

const conditions: ReadonlySet<unknown> = new Set(["any", "no-stream", "stream-exists"])

/** One stream may stand in several entries, an id of it in one of them alone. */
const refuseTwins = (appends: ReadonlyArray<StreamAppend>, prepared: ReadonlyArray<Prepared>): void => {
  const seen = new Set<string>()
  for (const [index, { given }] of prepared.entries()) {
    const { stream } = appends[index]!
    for (const id of given) {
      // No stream's name has a newline.
      const key = `${stream}\n${id}`
      if (seen.has(key)) throw new EventIdConflict({ stream, id, why: "twice-in-one-batch" })
      seen.add(key)
    }
  }
}
