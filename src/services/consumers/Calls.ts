/** Calls the handler for the events of one partition, one after the other, and counts its calls. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { isTraced } from "../base/spans.ts"
import type { InvalidArgument } from "../../domain/format/Errors.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { ClaimedEntries } from "../ports/CheckpointStore.ts"
import type { ConsumerState, EventSource } from "./ConsumerState.ts"
import type { Definition } from "./definition.ts"
import type { ConsumerMetrics } from "./metrics.ts"
import { whyOf } from "./ConsumerErrors.ts"
import { HandlerContext } from "./HandlerContext.ts"
import type { Parking } from "./Parking.ts"
import { inCallSpan, inTransactionSpan } from "./spans.ts"
import type { Transactions } from "./Transactions.ts"

type Called = Exit.Exit<unknown, unknown>

interface Of {
  readonly definition: Definition<unknown, never>
  readonly entries: ClaimedEntries
  readonly source: EventSource
  readonly state: ConsumerState
  readonly metrics: ConsumerMetrics
  readonly parking: Parking
  readonly transactions: Transactions | undefined
}

export class Calls {
  readonly #shared: Of
  /** Times of calls in a transaction that is not committed, in milliseconds. */
  #uncounted: Array<number> = []
  /** Why the call that ended last can never succeed. */
  refused: InvalidArgument | undefined

  constructor(shared: Of) {
    this.#shared = shared
  }

  /** Calls the handler once. */
  one(event: RecordedEvent, isReplay = false): Effect.Effect<Called> {
    const { definition, metrics, state, transactions } = this.#shared
    return Effect.suspend(() => {
      const call = { event, begun: state.now }
      state.calls.add(call)
      state.lastSign = call.begun
      const handling = new HandlerContext(this.#shared, event, isReplay)
      const handle = Effect.suspend(() => definition.handler(event, handling))
      // A transaction has one span, whatever it holds.
      const hasSpan = transactions === undefined && isTraced()
      const called = Effect.exit(hasSpan ? inCallSpan(this.#shared, event, handle) : handle)
      return Effect.flatMap(called, (exit): Effect.Effect<Called> => {
        handling.isOver = true
        this.refused = handling.refused
        state.calls.delete(call)
        state.beat()
        state.changes.wake()
        const millis = state.lastSign - call.begun
        if (Exit.isFailure(exit)) return Effect.as(metrics.failed(millis), exit)
        if (transactions === undefined) return Effect.as(metrics.handled(millis), exit)
        this.#uncounted.push(millis)
        return Effect.succeed(exit)
      })
    })
  }

  /**
   * Runs calls in a transaction with the checkpoint, and removes what is parked of these events. They count as handled only
   * once it is committed.
   */
  together(
    transactions: Transactions,
    positions: ReadonlyArray<number>,
    calls: Effect.Effect<Called>
  ): Effect.Effect<Called, StorageError> {
    const { metrics, parking } = this.#shared
    return Effect.suspend(() => {
      this.#uncounted = []
      const run = transactions.run(positions, calls, parking.remove(positions))
      return Effect.tap(inTransactionSpan(this.#shared, positions, run), (exit) => {
        if (Exit.isFailure(exit)) return Effect.void
        parking.forget(positions)
        return Effect.forEach(this.#uncounted, metrics.handled, { discard: true })
      })
    })
  }
}

/** Logs the failure of a handler whose event is done: nothing of it happens again. */
export const logLateFailure = (
  consumer: string,
  { position, stream }: RecordedEvent,
  error: unknown
): Effect.Effect<void> => {
  const text = `litetapes: the handler failed after its append, which is durable: it is not called again. ${consumer}: event ${position} of stream ${JSON.stringify(stream)}: ${whyOf(error)}`
  const given: object = Object(error)
  const isSecond =
    Reflect.get(given, "_tag") === "CheckpointNotIncreased" && Reflect.get(given, "position") === position
  return isSecond
    ? Effect.logError(
        `${text}. If the handler gives its checkpoint to several appends, only the first is accepted: use one appendAll.`
      )
    : Effect.logWarning(text)
}
