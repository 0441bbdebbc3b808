/** Tells a consumer that works or waits from one that hangs: in its status, in metrics, and in the log. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ConsumerState, EventSource } from "./ConsumerState.ts"
import type { Definition } from "./definition.ts"
import type { ConsumerMetrics } from "./metrics.ts"

/**
 * Returns the time of the last sign of life: now, if it is paused or waits for the next append. Else when a batch was read,
 * or a call of the handler began or ended; but of what still runs, the time when the first of it began.
 */
export const heartbeatOf = (state: ConsumerState, end: number | undefined): number =>
  isIdle(state, end) ? state.now : Math.min(state.lastSign, state.firstBegun)

/** Whether it has given no sign of life for too long. One that has stopped is not stalled. */
export const isStalled = (state: ConsumerState, end: number | undefined, stallAfter: Duration.Duration): boolean =>
  !state.isOver && !state.hasEnded && state.now - heartbeatOf(state, end) >= Duration.toMillis(stallAfter)

/** Whether there is nothing to do. A subscription that has not given what is there does not count as waiting. */
const isIdle = (state: ConsumerState, end: number | undefined): boolean => {
  if (state.hasEnded || state.isOver || state.inside > 0) return false
  if (state.writingSince !== undefined) return false
  return (
    state.isPaused ||
    (state.isPulling &&
      state.busy === 0 &&
      state.progress.open === 0 &&
      end !== undefined &&
      state.progress.next >= end)
  )
}

/** Looks at the consumer until it is interrupted: whenever it would count as stalled if nothing has happened until then. */
export const watching = (
  { name, stallAfter }: Pick<Definition<never, never>, "name" | "stallAfter">,
  state: ConsumerState,
  source: EventSource,
  metrics: ConsumerMetrics
): Effect.Effect<never> => {
  let wasStalled = false
  const look = Effect.gen(function* () {
    // A store that does not answer is one reason for a stall.
    const looked = yield* Effect.timeoutOption(Effect.exit(source.seenEnd), stallAfter)
    const end = Option.isSome(looked) && looked.value._tag === "Success" ? looked.value.value : undefined
    const stalled = isStalled(state, end, stallAfter)
    yield* metrics.looked(state, end, stalled)
    if (stalled !== wasStalled && !state.isOver) {
      wasStalled = stalled
      yield* stalled
        ? Effect.logWarning(`litetapes: a consumer is stalled. ${name}: ${whyStalled(state, end)}`)
        : Effect.logInfo(`litetapes: a consumer is stalled no more. ${name}`)
    }
    const left = heartbeatOf(state, end) + Duration.toMillis(stallAfter) - state.now
    return stalled || left <= 0 ? stallAfter : Duration.millis(left)
  })
  return Effect.forever(Effect.flatMap(look, (pause) => Effect.sleep(pause)))
}

const whyStalled = (state: ConsumerState, end: number | undefined): string => {
  const since = `since ${new Date(heartbeatOf(state, end)).toISOString()}`
  const [first] = state.calls
  if (state.waitingFor.size > 0)
    return `it waits for the lib, which opens itself again, ${since}. Check the disk of the lib.`
  if (state.writingSince !== undefined) return `it writes its checkpoint ${since}. Check where checkpoints are kept.`
  if (first !== undefined) {
    const { position, stream } = first.event
    return `the handler is at event ${position} of stream ${JSON.stringify(stream)} ${since}. Give the handler a timeout.`
  }
  if (state.inside > 0) return `it waits for its transaction ${since}. Check the database of the checkpoints.`
  if (state.progress.open > 0) return `it waits for the next attempt on an event ${since}. See lastError of its status.`
  return `it has read nothing ${since}. Check the disk of the lib.`
}
