/**
 * Appending events: encoded in the caller's fibre, checked and given their revisions and positions when their batch is
 * sealed, against durable plus pending state.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TapeArchived, TapeInvalid } from "../../../domain/Errors.ts"
import * as Event from "../../../domain/Event.ts"
import { EventIdConflict, type ExpectedRevision, WrongExpectedRevision } from "../../../domain/EventErrors.ts"
import { checkStreamName, type InvalidStreamName } from "../../../domain/Placement.ts"
import type { TaraSONError } from "../../../domain/TaraSONError.ts"
import { attempt } from "../attempt.ts"
import type { CommitError, CommitLoop, Request } from "../CommitLoop.ts"
import type { Core } from "../Core.ts"
import type { Group } from "../Group.ts"
import { listing } from "../OpenTape.ts"
import type { SegmentError } from "../SegmentIndexFile.ts"
import { findById } from "./StreamSources.ts"
import type { StreamState, StreamStates } from "./StreamStates.ts"
import { loadState, type LoadStreamError } from "./StreamLoad.ts"

/** Events for one stream, and what they expect of it. Without events it is a condition alone. */
export interface StreamAppend {
  readonly stream: string
  readonly events: ReadonlyArray<Event.NewEvent>
  readonly expected?: ExpectedRevision
}

/** Says where events went. They are durable. */
export interface AppendResult {
  readonly stream: string
  /** Revision of the first event of this append; of the next event to come where it had none. */
  readonly firstRevision: number
  /** Revision of the last event of this append: what the next append expects. −1 where the stream has no event. */
  readonly lastRevision: number
  readonly firstPosition: number
  readonly lastPosition: number
  /** These events had been appended before; nothing was written now. */
  readonly repeated: boolean
}

/** What appending events may fail with. After `CommitOutcomeUnknown` they may be there or not; after any other they are not. */
export type EventAppendError =
  | CommitError
  | LoadStreamError
  | SegmentError
  | WrongExpectedRevision
  | EventIdConflict
  | TapeArchived
  | InvalidStreamName
  | Event.InvalidEvent
  | TaraSONError

/** What one entry of a call is, whatever the state of its stream. */
interface Prepared {
  readonly expected: ExpectedRevision
  readonly events: ReadonlyArray<Event.Encoded>
  /** Ids that the caller gave: these may be known already. */
  readonly given: ReadonlySet<string>
}

interface Entry extends Prepared {
  readonly state: StreamState
  /** Events with such ids that were found before the batch was sealed. */
  readonly found: Map<string, Known>
  watch: { readonly since: number } | undefined
}

interface Known {
  readonly content: string
  readonly revision: number
  readonly position: number
}

type Refusal = WrongExpectedRevision | EventIdConflict | TapeArchived | TapeInvalid

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
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const refusal = this.#core.refusal()
      if (refusal !== undefined) return Effect.fail(refusal)
      // Before anything is looked up: what cannot be stored leaves nothing behind, not even a tape.
      return Effect.flatMap(
        attempt<ReadonlyArray<Prepared>, EventAppendError>(() => this.#encodeAll(appends, now)),
        (prepared) => this.#acquireAll(appends, (states) => this.#submit(prepared, states))
      )
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
        let acquire: Effect.Effect<void, LoadStreamError | SegmentError> = Effect.void
        for (const { stream } of appends) {
          // The usual case: the stream is known, nothing waits.
          const loaded = this.#states.acquireLoaded(stream)
          if (loaded !== undefined && acquire === Effect.void) {
            states.push(loaded)
            continue
          }
          if (loaded !== undefined) this.#states.release(loaded)
          const load = Effect.map(restore(this.#acquire(stream)), (state) => {
            states.push(state)
          })
          acquire = acquire === Effect.void ? load : Effect.andThen(acquire, load)
        }
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
    const entries = prepared.map(({ expected, events, given }, index): Entry => ({
      state: states[index]!,
      expected,
      events,
      given,
      found: new Map(),
      watch: undefined
    }))
    const submit = Effect.suspend(() => this.#loop.submit(requestOf(this.#core, entries)))
    const given = entries.filter((entry) => entry.given.size > 0)
    if (given.length === 0) return submit
    const unwatch = Effect.sync(() => {
      for (const { state, watch } of given) if (watch !== undefined) state.watches.delete(watch)
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
    const given = new Set<string>()
    const events = append.events.map((event, index) => {
      if (event.id !== undefined) {
        if (given.has(event.id)) {
          throw new EventIdConflict({ stream: append.stream, id: event.id, why: "twice-in-one-batch" })
        }
        given.add(event.id)
      }
      const id = event.id ?? this.#core.uuid(now)
      return Event.encode({ name: stream, text }, event, index, id, this.#time, this.#core.state.limits)
    })
    return { expected, events, given }
  }

  /** Looks the given ids up in what is durable. What is accepted from here on is noted by the pinned state. */
  #findIds(entry: Entry): Effect.Effect<void, SegmentError> {
    return Effect.suspend(() => {
      entry.watch = { since: this.#core.durable.batch }
      entry.state.watches.add(entry.watch)
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

/** The request of one call: all of its entries are accepted, or none. */
const requestOf = (core: Core, entries: ReadonlyArray<Entry>): Request<ReadonlyArray<AppendResult>, Refusal> => {
  let bytesMax = 0
  for (const { events } of entries) for (const event of events) bytesMax += event.bytesMax
  let outcome: Exit.Exit<ReadonlyArray<AppendResult>, Refusal> = Exit.succeed([])
  return {
    bytesMax,
    seal: (group) => {
      const rests = entries.some(({ state }) => state.batch === group.batch)
      const verdict = judge(core, entries)
      if ("refusal" in verdict) outcome = Exit.fail(verdict.refusal)
      else if (verdict.repeated) outcome = Exit.succeed(entries.map(repeatedResult))
      else {
        outcome = Exit.succeed(entries.map((entry) => accept(group, entry)))
        if (bytesMax > 0) return undefined
      }
      // What was decided on pending events is only true once these are durable.
      return rests ? undefined : outcome
    },
    settle: (batch) => {
      for (const { state } of entries) state.settle(batch)
      return outcome
    }
  }
}

type Verdict = { readonly refusal: Refusal } | { readonly repeated: boolean }

/** Ids first, then what is expected of the streams: an append that is repeated succeeds though its stream has moved on. */
const judge = (core: Core, entries: ReadonlyArray<Entry>): Verdict => {
  let repeated = 0
  let written = 0
  let partly: EventIdConflict | undefined
  for (const entry of entries) {
    if (entry.events.length === 0) continue
    written++
    const verdict = judgeIds(entry)
    if (verdict instanceof EventIdConflict) return { refusal: verdict }
    if (verdict === undefined) continue
    repeated++
    const id = entry.events[0]!.id
    partly = new EventIdConflict({ stream: entry.state.name, id, why: "partly-repeated" })
  }
  if (repeated > 0 && repeated === written) return { repeated: true }
  if (partly !== undefined) return { refusal: partly }
  const revisions = new Map<StreamState, number>()
  for (const entry of entries) {
    const { state, expected, events } = entry
    if (events.length > 0 && listing(core, state.tape.name)?.state === "archived") {
      return { refusal: new TapeArchived({ tape: state.tape.name }) }
    }
    if (state.isStale) {
      const why = "it was recovered while this waited: read the stream again, decide again, append again"
      return { refusal: new TapeInvalid({ tape: state.tape.name, why }) }
    }
    const revision = revisions.get(state) ?? state.revision
    if (!meets(expected, revision)) {
      const actual = revision === -1 ? "no-stream" : revision
      return { refusal: new WrongExpectedRevision({ stream: state.name, expected, actual }) }
    }
    revisions.set(state, revision + events.length)
  }
  return { repeated: false }
}

const meets = (expected: ExpectedRevision, revision: number): boolean => {
  if (expected === "any") return true
  if (expected === "no-stream") return revision === -1
  if (expected === "stream-exists") return revision >= 0
  return expected === revision
}

/** What is known of an id: found on disk, or accepted since the look-up began. */
const knownAs = (entry: Entry, id: string): Known | undefined =>
  entry.found.get(id) ?? entry.state.accepted.find((accepted) => accepted.id === id)

/** `undefined`: none of the ids is known. `"repeated"`: this very append was made before. */
const judgeIds = (entry: Entry): EventIdConflict | "repeated" | undefined => {
  if (entry.given.size === 0) return undefined
  const { name } = entry.state
  const known = entry.events.map((event) => (entry.given.has(event.id) ? knownAs(entry, event.id) : undefined))
  const first = known.findIndex((one) => one !== undefined)
  if (first === -1) return undefined
  const start = known[first]!.revision - first
  for (const [index, event] of entry.events.entries()) {
    const one = known[index]
    if (one === undefined || one.revision !== start + index) {
      return new EventIdConflict({ stream: name, id: entry.events[first]!.id, why: "partly-repeated" })
    }
    if (one.content !== event.content) return new EventIdConflict({ stream: name, id: event.id, why: "other-content" })
  }
  return "repeated"
}

const repeatedResult = (entry: Entry): AppendResult => {
  const known = entry.events.map((event) => knownAs(entry, event.id)!)
  const { name, revision } = entry.state
  const first = known[0]
  const last = known.at(-1)
  return {
    stream: name,
    firstRevision: first?.revision ?? revision + 1,
    lastRevision: last?.revision ?? revision,
    firstPosition: first?.position ?? -1,
    lastPosition: last?.position ?? -1,
    repeated: first !== undefined
  }
}

const accept = (group: Group, { state, events }: Entry): AppendResult => {
  const firstRevision = state.revision + 1
  let firstPosition = -1
  let lastPosition = -1
  for (const event of events) {
    const revision = ++state.revision
    lastPosition = group.addEvent(state.tape, state.name, revision, event.id, (position) =>
      event.line(position, revision)
    )
    if (firstPosition === -1) firstPosition = lastPosition
    const { id, content } = event
    state.accepted.push({ id, content, revision, position: lastPosition, batch: group.batch })
  }
  if (events.length > 0) state.batch = group.batch
  return {
    stream: state.name,
    firstRevision,
    lastRevision: state.revision,
    firstPosition,
    lastPosition,
    repeated: false
  }
}
