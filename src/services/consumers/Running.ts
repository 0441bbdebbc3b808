/** The calls of a running consumer. */
import * as Cause from "effect/Cause"
import type { Duration } from "effect/Duration"
import * as Effect from "effect/Effect"
import type { NotInHistory } from "../../domain/event/EventErrors.ts"
import { type Check, isCount, unless, wrongOptions } from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { SubscribeError, SubscribeOptions } from "../follow/Subscription.ts"
import type { ParkedEvent } from "./Checkpoint.ts"
import type { ConsumerStopped, HandlerFailed, NotParked } from "./ConsumerErrors.ts"
import type { ConsumerRun, WaitError } from "./ConsumerRun.ts"
import type { ConsumerError, ConsumerState, EndError, EventSource } from "./ConsumerState.ts"
import { aBeginning, type Definition, missing } from "./definition.ts"
import { heartbeatOf, isStalled } from "./Health.ts"
import type { Status } from "./Status.ts"

/**
 * A consumer that runs. `Name` is its name. Within its own handler, `reset`, `replay` and `whenCaughtUp` fail with
 * `InvalidArgument`, because they would wait for the handler.
 */
export interface Running<Name extends string = string> {
  /** Name of the consumer. */
  readonly name: Name
  /** Returns the status. In a reader this costs a read of the hint, to find the end of the store. */
  readonly status: Effect.Effect<Status>
  /** Waits until the event at this position, and all before it, are done. */
  readonly whenProcessed: (position: number) => Effect.Effect<void, WaitError | InvalidArgument>
  /** Waits until everything that the store has now is done. */
  readonly whenCaughtUp: Effect.Effect<void, WaitError | EndError>
  /**
   * Stops beginning calls of the handler, attempts and transactions. Returns once the running ones have ended; within a
   * handler it returns at once. A new run is not paused.
   */
  readonly pause: Effect.Effect<void>
  /** Continues after `pause`. */
  readonly resume: Effect.Effect<void>
  /**
   * Continues elsewhere: handles events again, or leaves some out. Waits for running calls of the handler first. Parked
   * events stay until they are handled. If the new checkpoint cannot be written, the consumer stops.
   */
  readonly reset: (
    to: NonNullable<SubscribeOptions["from"]>
  ) => Effect.Effect<void, NotInHistory | EndError | StorageError | WaitError | InvalidArgument>
  /** Returns the parked events, by position. */
  readonly parked: Effect.Effect<ReadonlyArray<ParkedEvent>>
  /**
   * Calls the handler once for a parked event, in turn with other events of its stream. If the call succeeds, the event
   * is no longer parked; otherwise it stays parked with the new error. Does not move the checkpoint. Waits while the
   * consumer is paused.
   */
  readonly replay: (
    position: number
  ) => Effect.Effect<
    void,
    HandlerFailed | NotParked | ConsumerStopped | StorageError | SubscribeError | InvalidArgument
  >
  /** Deletes a parked event from the list, without handling it. */
  readonly drop: (position: number) => Effect.Effect<void, NotParked | StorageError | InvalidArgument>
  /** Waits until the consumer has stopped. Fails with the reason, or succeeds if its scope was closed. */
  readonly stopped: Effect.Effect<void, ConsumerError>
}

export const runningOf = <Name extends string>(
  { name, stallAfter }: Pick<Definition<unknown, never>, "stallAfter"> & { readonly name: Name },
  run: ConsumerRun,
  state: ConsumerState,
  source: EventSource
): Running<Name> => {
  const made: Running<Name> = {
    name,
    status: Effect.map(
      Effect.orElseSucceed(source.seenEnd, () => undefined),
      (end) => statusOf(state, source, end, stallAfter)
    ),
    whenProcessed: (position) =>
      Effect.andThen(
        checkArgument("whenProcessed", { position }, aPosition),
        Effect.suspend(() => run.reached(position + 1, "whenProcessed"))
      ),
    whenCaughtUp: Effect.flatMap(source.end, (end) => run.reached(end, "whenCaughtUp")),
    pause: run.pause,
    resume: run.resume,
    reset: (to) => Effect.andThen(checkArgument("reset", { to }, aBeginning), run.reset(to)),
    parked: Effect.sync(() => [...state.parked.values()].toSorted((a, b) => a.position - b.position)),
    replay: (position) => Effect.andThen(checkArgument("replay", { position }, aPosition), run.replay(position)),
    drop: (position) => Effect.andThen(checkArgument("drop", { position }, aPosition), run.drop(position)),
    stopped: Effect.andThen(
      run.ended,
      Effect.suspend(() => (state.failure === undefined ? Effect.void : Effect.failCause(state.failure)))
    )
  }
  stoppings.set(
    made,
    state.changes.until(() => state.isOver)
  )
  return made
}

const stoppings = new WeakMap<Running, Effect.Effect<void>>()

/** Waits until a consumer begins to stop: its handlers may still run. */
export const stopping = (running: Running): Effect.Effect<void> => stoppings.get(running)!

const aPosition: Check = unless(isCount, "a position")

/** Checks the one argument of a call, which is required. */
const checkArgument = (name: string, given: object, check: Check): Effect.Effect<void, InvalidArgument> => {
  const [argument = ""] = Object.keys(given)
  const call = `Consumer.${name}`
  return Effect.suspend(() => {
    const missed = missing(call, given, [argument]) ?? wrongOptions(call, given, { [argument]: check })
    return missed === undefined ? Effect.void : Effect.fail(new InvalidArgument({ call, argument, why: missed.why }))
  })
}

/** Why it waits for the lib; `undefined` if it does not. One that has nothing to do waits, too. */
const outageOf = ({ waitingFor }: ConsumerState, { writer }: EventSource): unknown => {
  const refusal = writer.reopens() ? writer.refusal() : undefined
  if (refusal !== undefined) return refusal
  for (const { error } of waitingFor) return error
  return undefined
}

const stateOf = (
  state: ConsumerState,
  outage: unknown,
  end: number | undefined,
  stallAfter: Duration
): Status["state"] => {
  if (state.hasEnded || state.isOver) return "stopped"
  if (outage !== undefined) return "waiting"
  if (isStalled(state, end, stallAfter)) return "stalled"
  return state.isPaused ? "paused" : "running"
}

const statusOf = (state: ConsumerState, source: EventSource, end: number | undefined, stallAfter: Duration): Status => {
  const outage = state.hasEnded || state.isOver ? undefined : outageOf(state, source)
  return {
    state: stateOf(state, outage, end, stallAfter),
    error: state.failure === undefined ? outage : Cause.squash(state.failure),
    position: state.progress.low,
    lag: end === undefined ? undefined : Math.max(0, end - state.progress.low),
    inFlight: state.progress.open,
    parked: state.parked.size,
    oldestParkedAge: state.oldestParkedAge,
    lastError: state.lastError,
    heartbeat: heartbeatOf(state, end)
  }
}
