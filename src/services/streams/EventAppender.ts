/**
 * Appends events: encodes them in the caller's fibre. When their batch is formed, checks them and assigns revisions and
 * positions, on durable plus pending state.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { isStorableTime } from "../../domain/base/storableTime.ts"
import * as Event from "../../domain/event/Event.ts"
import { EventIdConflict, type ExpectedRevision } from "../../domain/event/EventErrors.ts"
import { isArray } from "../../domain/base/isArray.ts"
import {
  anything,
  type Check,
  type Checks,
  elementOf,
  isCount,
  refuseWrongOptions,
  shown
} from "../../domain/format/checkOptions.ts"
import { ClockOutOfRange, InvalidArgument } from "../../domain/format/Errors.ts"
import { checkStreamName, type InvalidStreamName } from "../../domain/format/Placement.ts"
import type { TaraSONError } from "../../domain/json/TaraSONError.ts"
import { thrown } from "../base/attempt.ts"
import type { CommitError, CommitLoop } from "../write/CommitLoop.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import {
  allResults,
  AppendRequest,
  type AppendResult,
  PlannedAppend,
  firstResult,
  type Refusal,
  type Results
} from "./AppendRequest.ts"
import { Command, type PlannedCommand } from "./Command.ts"
import { findById } from "./StreamSources.ts"
import type { StreamState, StreamStates } from "./StreamStates.ts"
import { loadState, type LoadStreamError } from "./StreamLoad.ts"

/** Events for one stream, and the state that the stream must be in. Without events it is only a condition. */
export interface StreamAppend {
  /** Name of the stream, such as `order-17`. */
  readonly stream: string
  /** Events to append, in order; may be empty. */
  readonly events: ReadonlyArray<Event.NewEvent>
  /** State that the stream must be in. Default: `any`. To leave it out, omit the key: `undefined` is refused. */
  readonly expected?: ExpectedRevision
}

/** Returns why a value is not an expectation. `undefined` is not one: it must not turn the check off. */
export const expectationCheck: Check = (value) =>
  isCount(value) || conditions.has(value) ? undefined : { below: "", why: whyNotExpectation(value) }

const whyNotExpectation = (value: unknown): string =>
  value === undefined
    ? 'must not be undefined: leave the key out, or pass "any"'
    : value === -1
      ? 'must not be -1: to expect that a stream has no events, pass "no-stream"'
      : `must be a revision (a whole number, 0 or more), "any", "no-stream" or "stream-exists", not ${shown(value)}`

const conditions: ReadonlySet<unknown> = new Set(["any", "no-stream", "stream-exists"])

const appendChecks = { stream: anything, events: anything, expected: expectationCheck } satisfies Checks<StreamAppend>

/** What holds for all events of a call. */
export interface OfCall {
  readonly commandId: string | undefined
  readonly marks: Event.Marks | undefined
}

export type { AppendResult }

/**
 * Errors of appending events. After `CommitOutcomeUnknown` the batch may be there or not: call `lib.reopen` and look.
 * After any other error nothing was appended. After `WrongExpectedRevision`, read the stream and decide again.
 */
export type EventAppendError =
  | CommitError
  | LoadStreamError
  | SegmentError
  | Refusal
  | InvalidStreamName
  | InvalidArgument
  | ClockOutOfRange
  | Event.InvalidEvent
  | TaraSONError

export class EventAppender {
  readonly #lib: LibHandle
  readonly #loop: CommitLoop
  readonly #states: StreamStates
  #time = ""
  #timeMillis = Number.NaN
  readonly #newId = () => this.#lib.uuid(this.#timeMillis)

  constructor(lib: LibHandle, loop: CommitLoop, states: StreamStates) {
    this.#lib = lib
    this.#loop = loop
    this.#states = states
  }

  /**
   * Appends to several streams as one atomic batch. Reads the arguments now, and once; the caller may then reuse them.
   */
  append(
    clock: Clock.Clock,
    appends: () => ReadonlyArray<StreamAppend>,
    ofCall: () => OfCall
  ): Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError> {
    return this.#append(clock, () => this.#encodeAll(appends(), ofCall()), allResults)
  }

  /** Does the same for one stream. */
  appendOne(clock: Clock.Clock, append: () => StreamAppend & OfCall): Effect.Effect<AppendResult, EventAppendError> {
    return this.#append(clock, () => [this.#encodeOne(append())], firstResult)
  }

  #append<A>(
    clock: Clock.Clock,
    encode: () => Array<PlannedAppend>,
    results: Results<A>
  ): Effect.Effect<A, EventAppendError> {
    const refusal = this.#lib.guard.refusal()
    if (refusal !== undefined) return Effect.fail(refusal)
    let entries: Array<PlannedAppend>
    try {
      this.#setTime(clock.currentTimeMillisUnsafe())
      // Encoded before anything is looked up, so that an invalid event has no effect, not even a new tape.
      entries = encode()
    } catch (error) {
      return thrown<EventAppendError>(error)
    }
    if (entries.length === 0) return Effect.succeed(results(entries, noResult))
    return this.#appendEncoded(entries, results)
  }

  #appendEncoded<A>(entries: Array<PlannedAppend>, results: Results<A>): Effect.Effect<A, EventAppendError> {
    if (entries.some(({ mayRepeat }) => mayRepeat)) return this.#lookUpAndAppend(entries, results)
    // The usual case: all streams are known, so nothing is looked up, and only the batch is waited for.
    return Effect.callback<A, EventAppendError>((resume) => {
      if (!this.#states.acquireAllLoaded(entries)) return resume(this.#lookUpAndAppend(entries, results))
      return this.#loop.enqueue(new PinnedRequest(this.#lib, entries, results, this.#states), resume)
    })
  }

  #lookUpAndAppend<A>(entries: Array<PlannedAppend>, results: Results<A>): Effect.Effect<A, EventAppendError> {
    return this.#acquireAll(entries, this.#submit(entries, results))
  }

  /** Pins the states of all streams while `use` runs. */
  #acquireAll<A, E>(
    entries: ReadonlyArray<PlannedAppend>,
    use: Effect.Effect<A, E>
  ): Effect.Effect<A, E | LoadStreamError | SegmentError> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const pinned: Array<StreamState> = []
        const acquire = Effect.forEach(
          entries,
          (entry) => {
            entry.state = this.#states.pin(entry.stream)
            pinned.push(entry.state)
            return restore(this.#states.load(entry.state, (state) => loadState(this.#lib, state)))
          },
          { discard: true }
        )
        const releaseAll = Effect.sync(() => {
          for (const state of pinned) this.#states.release(state)
        })
        return Effect.ensuring(Effect.andThen(acquire, restore(use)), releaseAll)
      })
    )
  }

  #submit<A>(entries: Array<PlannedAppend>, results: Results<A>): Effect.Effect<A, EventAppendError> {
    const submit = Effect.suspend(() => this.#loop.submit(new AppendRequest(this.#lib, entries, results)))
    const repeatable = entries.filter(({ mayRepeat }) => mayRepeat)
    if (repeatable.length === 0) return submit
    const unwatch = Effect.sync(() => {
      for (const { state, watch } of repeatable) if (watch !== undefined) state.unwatch(watch)
    })
    const find = Effect.forEach(repeatable, (entry) => this.#findIds(entry), { discard: true })
    return Effect.ensuring(Effect.andThen(find, submit), unwatch)
  }

  #setTime(now: number): void {
    if (now === this.#timeMillis) return
    if (!isStorableTime(now)) throw new ClockOutOfRange({ millis: now })
    this.#timeMillis = now
    this.#time = new Date(now).toISOString()
  }

  #encodeAll(appends: ReadonlyArray<StreamAppend>, { commandId, marks }: OfCall): Array<PlannedAppend> {
    const entries: Array<PlannedAppend> = []
    if (!isArray(appends)) throw refusalOf(-1, "appends", `must be an array, not ${shown(appends)}`)
    const command = commandId === undefined ? undefined : new Command(commandId)
    for (let at = 0; at < appends.length; at++) {
      const append: unknown = elementOf(appends, at)
      if (append === undefined) throw refusalOf(at, `appends[${at}]`, "must be an object, not undefined")
      refuseWrongOptions("EventStore.appendAll", append, appendChecks, `appends[${at}]`)
      entries.push(this.#encode(append as StreamAppend, at, command, marks))
    }
    if (entries.length > 1) refuseTwins(entries)
    return entries
  }

  #encodeOne(append: StreamAppend & OfCall): PlannedAppend {
    const { commandId, marks } = append
    return this.#encode(append, -1, commandId === undefined ? undefined : new Command(commandId), marks)
  }

  /** Encodes an entry. `at` is its index in the call, or −1 in a call with one entry. */
  #encode(
    append: StreamAppend,
    at: number,
    command: Command | undefined,
    marks: Event.Marks | undefined
  ): PlannedAppend {
    const { events: all, expected = "any", stream } = append
    if (!this.#states.isKnown(stream)) checkStreamName(stream)
    if (command !== undefined) Event.checkCommandId(stream, command.id)
    if (!conditions.has(expected) && !isCount(expected)) throw refusalOf(at, "expected", whyNotExpectation(expected))
    if (!isArray(all)) throw refusalOf(at, "events", `must be an array, not ${shown(all)}`)
    const { limits } = this.#lib.meta.state
    const count = all.length
    const planned = command?.plan(stream)
    let given: Set<string> | undefined
    const events: Array<Event.EncodedEvent> = []
    for (let index = 0; index < count; index++) {
      const derivedId = command?.nextId(stream)
      const event = elementOf(all, index)
      const encoded = Event.encode(stream, event, index, this.#newId, this.#time, limits, derivedId, marks)
      events.push(encoded)
      if (!encoded.isNamed) continue
      if (given?.has(encoded.id) === true) {
        throw new EventIdConflict({ stream, id: encoded.id, why: "twice-in-one-batch" })
      }
      given ??= new Set()
      given.add(encoded.id)
    }
    return new PlannedAppend(stream, expected, events, given ?? noIds, planned)
  }

  /** Looks up the given ids among durable events. The pinned state notes ids that are accepted from here on. */
  #findIds(entry: PlannedAppend): Effect.Effect<void, SegmentError> {
    return Effect.suspend(() => {
      entry.watch = { since: this.#lib.journal.durable.batch }
      entry.state.watch(entry.watch)
      const find = Effect.forEach(entry.given, (id) => this.#findId(entry, id), { discard: true })
      return entry.command === undefined ? find : Effect.andThen(find, this.#findLater(entry, entry.command))
    })
  }

  /** Looks up what the command made the first time after these events, if it made these. */
  #findLater(entry: PlannedAppend, command: PlannedCommand): Effect.Effect<void, SegmentError> {
    return Effect.gen({ self: this }, function* () {
      const last = entry.events.at(-1)
      if (last !== undefined && !entry.found.has(last.id)) return
      for (const id of command.laterIds(entry.events.length)) if (!(yield* this.#findId(entry, id))) return
    })
  }

  #findId(entry: PlannedAppend, id: string): Effect.Effect<boolean, SegmentError> {
    return Effect.map(findById(this.#lib, entry.state.tape, entry.state.name, id), (event) => {
      if (event === undefined) return false
      const { revision, position } = event
      entry.found.set(id, { revision, position, content: Event.content(event, this.#lib.meta.limits) })
      return true
    })
  }
}

/** A request that keeps its streams pinned until it ends. */
class PinnedRequest<A> extends AppendRequest<A> {
  readonly #states: StreamStates

  constructor(lib: LibHandle, entries: Array<PlannedAppend>, results: Results<A>, states: StreamStates) {
    super(lib, entries, results)
    this.#states = states
  }

  override ended(): void {
    for (const { state } of this.entries) this.#states.release(state)
    super.ended()
  }
}

/** Returns the error of a call for what is wrong with one of its arguments. */
const refusalOf = (at: number, argument: string, why: string): InvalidArgument => {
  if (argument.startsWith("appends")) return new InvalidArgument({ call: "EventStore.appendAll", argument, why })
  if (at >= 0) return new InvalidArgument({ call: "EventStore.appendAll", argument: `appends[${at}].${argument}`, why })
  const given = argument === "expected" ? "options.expected" : argument
  return new InvalidArgument({ call: "EventStore.append", argument: given, why })
}

const noResult = (): never => {
  throw new Error("a call without entries has no result")
}

const noIds: ReadonlySet<string> = new Set()

/** A stream may occur in several entries, but an id only in one of them. */
const refuseTwins = (entries: ReadonlyArray<PlannedAppend>): void => {
  const seen = new Set<string>()
  for (const { given, stream } of entries) {
    for (const id of given) {
      // A stream name cannot contain a newline.
      const key = `${stream}\n${id}`
      if (seen.has(key)) throw new EventIdConflict({ stream, id, why: "twice-in-one-batch" })
      seen.add(key)
    }
  }
}
