/** The first event that something fails on, and how checks say it. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { AssertionError } from "node:assert"
import type { CheckFailed } from "./CheckFailed.ts"
import { whyOf } from "../../../services/consumers/ConsumerErrors.ts"
import type { RecordedEvent } from "../../../services/EventStore.ts"

/** An event, and what its handler failed with. */
export interface Failure {
  /** The event. */
  readonly event: RecordedEvent
  /** What it failed with, or threw. */
  readonly error: unknown
}

/** Sees the calls for all events, and keeps the first failure. */
export class FirstFailure {
  readonly #failure = Deferred.makeUnsafe<Failure>()

  /** Runs the call for an event. */
  of<A, E, R>(event: RecordedEvent, call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.tapCause(call, (cause) => this.note(event, cause))
  }

  /** Keeps why a call failed, unless it was interrupted or is not the first one. */
  note(event: RecordedEvent, cause: Cause.Cause<unknown>): Effect.Effect<unknown> {
    if (Cause.hasInterruptsOnly(cause)) return Effect.void
    return Deferred.succeed(this.#failure, { event, error: Cause.squash(cause) })
  }

  /** Runs an effect up to the first failure. What else the effect fails with is a defect. */
  orDone<A, R>(effect: Effect.Effect<A, unknown, R>): Effect.Effect<Result.Result<A, Failure>, never, R> {
    const failed = Effect.map(Deferred.await(this.#failure), Result.fail)
    return Effect.raceFirst(failed, Effect.map(Effect.orDie(effect), Result.succeed))
  }
}

const placeOf = ({ position, revision, stream, type }: RecordedEvent): string =>
  `${type} (stream ${stream}, revision ${revision}, position ${position})`

/** Returns the error for a failure that was not expected. */
export const unexpected = ({ error, event }: Failure, when = ""): CheckFailed =>
  Object.assign(new AssertionError({ message: `${placeOf(event)} was not handled${when}: ${whyOf(error)}` }), {
    cause: error
  })

/** Checks that something failed, as it should. */
export const checkFailure = (
  result: Result.Result<unknown, Failure>,
  check: (error: unknown, event: RecordedEvent) => boolean = () => true
): Effect.Effect<void, CheckFailed> => {
  if (Result.isSuccess(result)) {
    return Effect.fail(new AssertionError({ message: "all events were handled, and a failure was expected" }))
  }
  const { failure } = result
  if (check(failure.error, failure.event)) return Effect.void
  return Effect.fail(unexpected(failure, ", for another reason than expected"))
}

/** Runs an assertion of `node:assert` as an effect. Other errors are defects. */
export const asserting = (assertion: () => void): Effect.Effect<void, CheckFailed> =>
  Effect.suspend(() => {
    try {
      assertion()
      return Effect.void
    } catch (error) {
      return error instanceof AssertionError ? Effect.fail(error) : Effect.die(error)
    }
  })
