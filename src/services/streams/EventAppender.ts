/**
 * Appends events: encodes them in the caller's fibre. When their batch is formed, checks them and assigns revisions and
 * positions, on durable plus pending state.
 */
import type * as Clock from "effect/Clock"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AnySpan } from "effect/Tracer"
import type * as Event from "../../domain/event/Event.ts"
import type { ClockOutOfRange, InvalidArgument } from "../../domain/format/Errors.ts"
import type { InvalidStreamName } from "../../domain/format/Placement.ts"
import type { WriterUnreachable } from "../../domain/format/WriterUnreachable.ts"
import type { TaraSONError } from "../../domain/json/TaraSONError.ts"
import { thrown } from "../base/attempt.ts"
import { lazy } from "../base/lazy.ts"
import type { CommitError, CommitLoop } from "../write/CommitLoop.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import {
  type Again,
  allResults,
  AppendRequest,
  type AppendResult,
  type PlannedCall,
  firstResult,
  type Refusal,
  type Results
} from "./AppendRequest.ts"
import type { AllReadError } from "./AllReader.ts"
import { type Conditions, MustReadOn } from "./Conditions.ts"
import type { StreamAppend } from "./StreamAppend.ts"
import { CallEncoder, type OfCall, type OneAppend } from "./CallEncoder.ts"
import { findIds } from "./findIds.ts"
import type { PlannedAppend } from "./PlannedAppend.ts"
import type { StreamState, StreamStates } from "./StreamStates.ts"
import { loadState, type LoadStreamError } from "./StreamLoad.ts"

export type { AppendResult, StreamAppend }

/**
 * Errors of appending events. After `CommitOutcomeUnknown` the batch may be there or not: call `lib.reopen` and look.
 * After any other error nothing was appended. After `WrongExpectedRevision`, read the stream and decide again;
 * after `ConditionFailed`, query and decide again. A condition may have to read events, and fails as `readAll` does.
 */
export type EventAppendError =
  | CommitError
  | LoadStreamError
  | SegmentError
  | AllReadError
  | Refusal
  | InvalidStreamName
  | InvalidArgument
  | ClockOutOfRange
  | Event.InvalidEvent
  | TaraSONError
  | WriterUnreachable

/** The part of the commit loop that appends need. */
export type Loop = Pick<CommitLoop, "enqueue" | "submit">

export class EventAppender {
  readonly #lib: LibHandle
  readonly #loop: Loop
  /** The streams that are appended to. */
  readonly states: StreamStates
  readonly #encoder: CallEncoder

  constructor(lib: LibHandle, loop: Loop, states: StreamStates) {
    this.#lib = lib
    this.#loop = loop
    this.states = states
    this.#encoder = new CallEncoder(lib, states)
  }

  /**
   * Appends to several streams as one atomic batch. Reads the arguments now, and once; the caller may then reuse them. `span` is
   * that of the call, if it has one.
   */
  append(
    clock: Clock.Clock,
    appends: () => ReadonlyArray<StreamAppend>,
    ofCall: () => OfCall,
    span: AnySpan | undefined
  ): Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError> {
    return this.#append(
      clock,
      () => {
        const of = ofCall()
        return this.#encoder.all(appends(), of)
      },
      allResults,
      span
    )
  }

  /** Does the same for one stream. */
  appendOne(
    clock: Clock.Clock,
    append: () => OneAppend,
    span: AnySpan | undefined
  ): Effect.Effect<AppendResult, EventAppendError> {
    return this.#append(clock, () => this.#encoder.one(append()), firstResult, span)
  }

  #append<A>(
    clock: Clock.Clock,
    encode: () => PlannedCall,
    results: Results<A>,
    span: AnySpan | undefined
  ): Effect.Effect<A, EventAppendError> {
    const refusal = this.#lib.guard.refusal()
    if (refusal !== undefined) return Effect.fail(refusal)
    let call: PlannedCall
    try {
      this.#encoder.setTime(clock.currentTimeMillisUnsafe())
      // Encoded before anything is looked up, so that an invalid event has no effect, not even a new tape.
      call = encode()
      call.span = span
    } catch (error) {
      return thrown<EventAppendError>(error)
    }
    const { given } = call
    if (given === undefined) return this.#appendCall(call, results)
    return Effect.flatMap(planCheckpoint(given), (checkpoint) => {
      call.checkpoint = checkpoint
      return checkpoint.listing(
        this.#lib,
        Effect.suspend(() => this.#appendCall(call, results))
      )
    })
  }

  #appendCall<A>(call: PlannedCall, results: Results<A>): Effect.Effect<A, EventAppendError> {
    const { checkpoint, conditions, entries } = call
    if (conditions !== undefined) return this.#appendIf(call, conditions, results)
    if (entries.length === 0 && checkpoint === undefined) return Effect.succeed(results(entries, noResult))
    if (entries.some(({ mayRepeat }) => mayRepeat)) return this.#lookUpAndAppend(call, results)
    // The usual case: all streams are known, so nothing is looked up, and only the batch is waited for.
    return Effect.callback<A, EventAppendError>((resume) => {
      if (!this.states.acquireAllLoaded(entries)) return resume(this.#lookUpAndAppend(call, results))
      return this.#loop.enqueue(
        new PinnedRequest(this.#lib, call, results, this.states),
        // Without a condition there is nothing to read, and `listing` sees to the rest.
        resume as (exit: Exit.Exit<A, EventAppendError | Again>) => void
      )
    })
  }

  /** Appends if conditions hold. In the usual case it costs no read, as without them. */
  #appendIf<A>(call: PlannedCall, conditions: Conditions, results: Results<A>): Effect.Effect<A, EventAppendError> {
    const { entries } = call
    const { recent } = this.states
    if (recent === undefined) {
      return Effect.flatMap(makeRecentEvents(), (made) => {
        this.states.recent ??= made
        return this.#appendIf(call, conditions, results)
      })
    }
    return Effect.callback<A, EventAppendError>((resume) => {
      const isReady =
        conditions.areCovered(recent) &&
        !entries.some(({ mayRepeat }) => mayRepeat) &&
        this.states.acquireAllLoaded(entries)
      if (!isReady) return resume(this.#lookUpAndAppend(call, results))
      return this.#loop.enqueue(new PinnedRequest(this.#lib, call, results, this.states), (exit) =>
        resume(hasToReadOn(exit) ? this.#lookUpAndAppend(call, results) : (exit as Exit.Exit<A, EventAppendError>))
      )
    })
  }

  #lookUpAndAppend<A>(call: PlannedCall, results: Results<A>): Effect.Effect<A, EventAppendError> {
    return this.#acquireAll(call.entries, this.#submit(call, results))
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
            entry.state = this.states.pin(entry.stream)
            pinned.push(entry.state)
            return restore(this.states.load(entry.state, (state) => loadState(this.#lib, state)))
          },
          { discard: true }
        )
        const releaseAll = Effect.sync(() => {
          for (const state of pinned) this.states.release(state)
        })
        return Effect.ensuring(Effect.andThen(acquire, restore(use)), releaseAll)
      })
    )
  }

  #submit<A>(call: PlannedCall, results: Results<A>): Effect.Effect<A, EventAppendError> {
    const { entries } = call
    const submit = this.#submitOnce(call, results)
    const repeatable = entries.filter(({ mayRepeat }) => mayRepeat)
    if (repeatable.length === 0) return submit
    const unwatch = Effect.sync(() => {
      for (const { state, watch } of repeatable) if (watch !== undefined) state.unwatch(watch)
    })
    const find = Effect.forEach(repeatable, (entry) => findIds(this.#lib, entry), { discard: true })
    return Effect.ensuring(Effect.andThen(find, submit), unwatch)
  }

  /** Reads what the conditions of a call need, and queues the call. Does both again if too much happened in between. */
  #submitOnce<A>(call: PlannedCall, results: Results<A>): Effect.Effect<A, EventAppendError> {
    return Effect.suspend((): Effect.Effect<A, EventAppendError> => {
      const submit = Effect.suspend(() =>
        this.#loop.submit(new AppendRequest(this.#lib, call, results, this.states))
      ) as Effect.Effect<A, EventAppendError | MustReadOn>
      const { conditions } = call
      if (conditions === undefined) return submit as Effect.Effect<A, EventAppendError>
      return Effect.andThen(conditions.readUp(this.#lib, this.states.recent!), submit).pipe(
        Effect.catchIf(isMustReadOn, () => this.#submitOnce(call, results))
      )
    })
  }
}

/** Most programs have no checkpoints in appends, and no conditions. */
const planCheckpoint = lazy(() => import("./AppendCheckpoint.ts"), "planCheckpoint")

const makeRecentEvents = lazy(() => import("./RecentEvents.ts"), "makeRecentEvents")

/** A request that keeps its streams pinned until it ends. */
class PinnedRequest<A> extends AppendRequest<A> {
  override ended(): void {
    for (const { state } of this.entries) this.states.release(state)
    super.ended()
  }
}

const isMustReadOn = (error: unknown): error is MustReadOn => error instanceof MustReadOn

const hasToReadOn = <A, E>(exit: Exit.Exit<A, E | MustReadOn>): exit is Exit.Failure<A, MustReadOn> =>
  Exit.isFailure(exit) && isMustReadOn(Cause.squash(exit.cause))

const noResult = (): never => {
  throw new Error("a call without entries has no result")
}
