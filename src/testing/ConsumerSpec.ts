/**
 * Tests of consumers whose handlers append, such as reactors and process managers: given events in the store, when
 * these events are handled, then those are appended, exactly once. The store is a real one in memory, and the consumer
 * runs as it does in production, with its checkpoint in the lib: a handler gets the `checkpoint` of its event.
 *
 * A check repeats the test with a crash after each append and after each call of the handler. The event is then handled
 * again, and the same events must be there at the end. So an append that forgets its `checkpoint` fails the check,
 * unless ids or `expected` prevent a second append.
 *
 * @example
 * ```ts
 * const spec = ConsumerSpec.given(payment, [])
 * const placed = GivenEvents.of(Order, "17", [{ type: "OrderPlaced", data: { cents: 500 } }])
 * const test = spec.when(placed).thenAppends(GivenEvents.of(Payment, "17", [{ type: "PaymentTaken", data: { cents: 500 } }]))
 * ```
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { EventSchemaError } from "../domain/event/EventErrors.ts"
import * as CheckpointStore from "../layers/CheckpointStore.ts"
import * as Consumer from "../services/Consumer.ts"
import { EventStore, type RecordedEvent } from "../services/EventStore.ts"
import { Lib } from "../services/Lib.ts"
import type { GivenEvents } from "./GivenEvents.ts"
import type { CheckFailed } from "./internal/spec/CheckFailed.ts"
import { Crashes } from "./internal/spec/Crashes.ts"
import { checkAppends } from "./internal/spec/checkAppends.ts"
import { checkFailure, type Failure, FirstFailure, unexpected } from "./internal/spec/firstFailure.ts"
import { openSpecStore } from "./internal/spec/SpecStore.ts"

export type { Failure }

/** Services that a spec provides to a handler. */
export type Provided = EventStore | Lib | Scope.Scope

/** What became of the events. */
export interface Outcome {
  /** Events that the handler has appended, by position. */
  readonly appended: ReadonlyArray<RecordedEvent>
  /** Events of `when`, as they were stored. */
  readonly given: ReadonlyArray<RecordedEvent>
  /** The event that the handler failed on at its first attempt, and the error; absent if it has not failed. */
  readonly failure?: Failure
}

/**
 * A check, which runs when the effect does. Fails with `AssertionError` if it finds something else, and with
 * `EventSchemaError` for given events that do not match their schemas. `R` are the services of the handler except the
 * store.
 */
export type Check<R> = Effect.Effect<void, CheckFailed | EventSchemaError, R>

/** A consumer, and the events of the store, which it does not handle. */
export interface Given<R> {
  /**
   * Appends events one after the other. Before the next one, the consumer handles the event, and the events that it has
   * appended itself. Events that its filter leaves out are not handled.
   */
  readonly when: (...events: ReadonlyArray<GivenEvents>) => When<R>
}

/** Events that are handled. Each check has a store of its own. */
export interface When<R> {
  /** Handles the events, and returns the result. */
  readonly outcome: Effect.Effect<Outcome, EventSchemaError, R>
  /**
   * Checks that exactly these events are appended, in this order in each stream. Compares type and data, and `id`, `tags` and
   * the keys of `metadata` if they are given. Without `metadata`, the cause and the correlation id must be those that follow
   * from the handled event.
   */
  readonly thenAppends: (...events: ReadonlyArray<GivenEvents>) => Check<R>
  /** Checks that nothing is appended, and nothing fails. */
  readonly thenNothing: Check<R>
  /** Checks that the handler fails, that `check` returns true for the error and the event, and that nothing is appended. */
  readonly thenFails: (check?: (error: unknown, event: RecordedEvent) => boolean) => Check<R>
}

/**
 * Begins a test with the events of the store. It uses the filter, the name and the version of the consumer, and ignores
 * its options for retries, partitions, transactions and parking.
 */
export const given = <Name extends string, E, R>(
  consumer: Consumer.Consumer<Name, E, R>,
  events: ReadonlyArray<GivenEvents>
): Given<Exclude<R, Provided>> => ({
  when: (...handled) =>
    whenOf((crashes) =>
      run(consumer as unknown as Consumer.Consumer<string, unknown, Provided>, events, handled, crashes)
    )
})

type Run = (crashes: Crashes) => Effect.Effect<Outcome, EventSchemaError>

const whenOf = <R>(run: Run): When<R> => {
  const outcome = Effect.suspend(() => run(new Crashes()))
  const thenAppends = (...events: ReadonlyArray<GivenEvents>): Check<never> =>
    Effect.gen(function* () {
      const none = new Crashes()
      yield* checkOutcome(yield* run(none), events, "")
      for (let at = 1; at <= none.passed; at++) {
        const crashes = new Crashes(at)
        yield* checkOutcome(yield* run(crashes), events, `, when it was handled again after a crash ${crashes.place}`)
      }
    })
  return {
    outcome,
    thenAppends,
    thenNothing: thenAppends(),
    thenFails: (check) =>
      Effect.flatMap(outcome, ({ appended, failure, given }) =>
        Effect.andThen(
          checkFailure(failure === undefined ? Result.succeed(undefined) : Result.fail(failure), check),
          checkAppends(appended, given, [], ", although the handler failed")
        )
      )
  }
}

const checkOutcome = (
  { appended, failure, given }: Outcome,
  expected: ReadonlyArray<GivenEvents>,
  when: string
): Check<never> => {
  if (failure !== undefined) return Effect.fail(unexpected(failure, when))
  return checkAppends(appended, given, expected, when)
}

const run = (
  consumer: Consumer.Consumer<string, unknown, Provided>,
  events: ReadonlyArray<GivenEvents>,
  handled: ReadonlyArray<GivenEvents>,
  crashes: Crashes
): Effect.Effect<Outcome, EventSchemaError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const spec = yield* openSpecStore(events)
      const { store } = spec
      const begin = yield* store.position
      const failure = new FirstFailure()
      const running = yield* runConsumer(consumer, store, crashes, failure)
      const settled: Effect.Effect<void, unknown> = Effect.gen(function* () {
        const before = yield* store.position
        yield* running.whenCaughtUp
        if ((yield* store.position) !== before) yield* settled
      })
      const result = yield* failure.orDone(
        Effect.forEach(handled, (events) => spec.append(events, () => settled), { discard: true })
      )
      const outcome = yield* spec.since(begin)
      return Result.isSuccess(result) ? outcome : { ...outcome, failure: result.failure }
    })
  )

/** Runs a consumer that handles what is appended from now on, and crashes where it should. */
const runConsumer = (
  { options }: Consumer.Consumer<string, unknown, Provided>,
  store: EventStore["Service"],
  crashes: Crashes,
  failure: FirstFailure
) =>
  Effect.gen(function* () {
    const { filter, handler, name, version } = options
    // As long as the test does.
    const rest = Schedule.spaced("1 hour")
    const consumer = Consumer.make<string, unknown, Provided>({
      name,
      ...(version === undefined ? {} : { version }),
      ...(filter === undefined ? {} : { filter }),
      from: "end",
      // After a crash at once; after a failure the test ends.
      maxAttempts: 3,
      retry: crashes.mayCrash ? Schedule.concat(Schedule.recurs(1), rest) : rest,
      handler: (event, handling) =>
        crashes.call(
          Effect.suspend(() => handler(event, handling)),
          (cause) => failure.note(event, cause)
        )
    })
    const checkpoints = yield* Effect.provideService(CheckpointStore.makeLib, EventStore, store)
    return yield* Consumer.run(consumer).pipe(
      Effect.provideService(EventStore, crashes.store(store)),
      Effect.provideService(Lib, store.lib),
      Effect.provideService(CheckpointStore.CheckpointStore, checkpoints),
      Effect.orDie
    )
  })
