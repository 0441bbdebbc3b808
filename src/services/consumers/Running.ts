/** What a program may ask of a running consumer. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { NotInHistory } from "../../domain/event/EventErrors.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { SubscribeError, SubscribeOptions } from "../follow/Subscription.ts"
import type { ParkedEvent } from "./Checkpoint.ts"
import type { ConsumerStopped, HandlerFailed, NotParked } from "./ConsumerErrors.ts"
import type { ConsumerRun, WaitError } from "./ConsumerRun.ts"
import type { ConsumerError, ConsumerState, EndError, EventSource, LastError } from "./ConsumerState.ts"

/** How a consumer is. */
export interface Status {
  /** `stopped`: it failed with `error`, or its scope is closed. */
  readonly state: "running" | "paused" | "stopped"
  /** Why it stopped by itself: a `ConsumerError`, or a defect. */
  readonly error: unknown
  /** The lowest position that is not done. */
  readonly position: number
  /** Events between `position` and the end of the store; `undefined` if the store cannot be looked at. */
  readonly lag: number | undefined
  /** Events that were read and are not done. */
  readonly inFlight: number
  /** Number of parked events. */
  readonly parked: number
  /** The last failure of the handler, also if a later attempt succeeded. */
  readonly lastError: LastError | undefined
  /**
   * Time of the last sign of life, in milliseconds since 1970: now, if it is paused or waits for the next append; else when
   * a batch was read, or a call of the handler began or ended. An old one says that the handler or a read hangs, or that
   * the consumer has stopped.
   */
  readonly heartbeat: number
}

/** A consumer that runs. `Name` is its name. */
export interface Running<Name extends string = string> {
  /** Name of the consumer. */
  readonly name: Name
  /** Returns how it is. Looks at the end of the store, which in a reader costs a read of its hint. */
  readonly status: Effect.Effect<Status>
  /** Waits until the event at this position, and all before it, are done. */
  readonly whenProcessed: (position: number) => Effect.Effect<void, WaitError>
  /** Waits until everything that the store has now is done. */
  readonly whenCaughtUp: Effect.Effect<void, WaitError | EndError>
  /** Begins no call of the handler any more. Returns once those that run have ended. A new run is not paused. */
  readonly pause: Effect.Effect<void>
  /** Continues after `pause`. */
  readonly resume: Effect.Effect<void>
  /**
   * Continues elsewhere: handles events again, or leaves some out. Calls of the handler that run end first. Parked events
   * stay, until they are handled.
   */
  readonly reset: (
    to: NonNullable<SubscribeOptions["from"]>
  ) => Effect.Effect<void, NotInHistory | EndError | StorageError | WaitError>
  /** Returns the parked events, by position. */
  readonly parked: Effect.Effect<ReadonlyArray<ParkedEvent>>
  /**
   * Calls the handler once for a parked event, in turn with other events of its stream. If that succeeds, it is parked no
   * more; else it stays, with the new error. Moves no checkpoint. Waits while the consumer is paused.
   */
  readonly replay: (
    position: number
  ) => Effect.Effect<void, HandlerFailed | NotParked | ConsumerStopped | StorageError | SubscribeError>
  /** Forgets a parked event: it is never handled. */
  readonly drop: (position: number) => Effect.Effect<void, NotParked | StorageError>
  /** Waits until the consumer has stopped. Fails with the reason, or succeeds if its scope was closed. */
  readonly stopped: Effect.Effect<void, ConsumerError>
}

export const runningOf = <Name extends string>(
  name: Name,
  run: ConsumerRun,
  state: ConsumerState,
  source: EventSource
): Running<Name> => ({
  name,
  status: Effect.map(
    Effect.orElseSucceed(source.end, () => undefined),
    (end) => statusOf(state, end)
  ),
  whenProcessed: (position) => run.reached(() => state.progress.low > position),
  whenCaughtUp: Effect.flatMap(source.end, (end) => run.reached(() => state.progress.low >= end)),
  pause: run.pause,
  resume: run.resume,
  reset: (to) => run.reset(to),
  parked: Effect.sync(() => [...state.parked.values()].toSorted((a, b) => a.position - b.position)),
  replay: (position) => run.replay(position),
  drop: (position) => run.drop(position),
  stopped: Effect.andThen(
    run.ended,
    Effect.suspend(() => (state.failure === undefined ? Effect.void : Effect.failCause(state.failure)))
  )
})

const statusOf = (state: ConsumerState, end: number | undefined): Status => ({
  state: state.hasEnded || state.isOver ? "stopped" : state.isPaused ? "paused" : "running",
  error: state.failure === undefined ? undefined : Cause.squash(state.failure),
  position: state.progress.low,
  lag: end === undefined ? undefined : Math.max(0, end - state.progress.low),
  inFlight: state.progress.open,
  parked: state.parked.size,
  lastError: state.lastError,
  heartbeat: isIdle(state, end) ? state.now : state.lastSign
})

/** Whether there is nothing to do. A subscription that has not given what is there does not count as waiting. */
const isIdle = (state: ConsumerState, end: number | undefined): boolean => {
  if (state.hasEnded || state.isOver || state.running > 0) return false
  return (
    state.isPaused || (state.isPulling && state.progress.open === 0 && end !== undefined && state.progress.next >= end)
  )
}
