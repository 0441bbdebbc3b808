/**
 * Tests of deciders, without a store: given these events, when this command is handled, then these events happen.
 *
 * @example
 * ```ts
 * const spec = DeciderSpec.given(balances, [{ type: "Deposited", data: { cents: 500 } }])
 * spec.when({ withdraw: 200 }).thenEvents({ type: "Withdrawn", data: { cents: 200 } })
 * spec.when({ withdraw: 501 }).thenRejected((error) => error.cents === 500)
 * ```
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Result from "effect/Result"
import { AssertionError, deepStrictEqual } from "node:assert"
import type { EventSchemaError } from "../domain/event/EventErrors.ts"
import type { AnyDecider } from "../services/AggregateStates.ts"
import { decide, encodeDecided } from "../services/decideAndEncode.ts"
import type { EventOf } from "../services/Category.ts"
import type { AnyCategory, Decided, Decider } from "../services/Decider.ts"
import { encodeGiven } from "./internal/spec/encodeGiven.ts"

/** The result of a command. */
export interface Outcome<C, State, E> {
  /** Events that happened, as a read would return them. */
  readonly events: ReadonlyArray<EventOf<C>>
  /** State after them. */
  readonly state: State
  /** What the command was rejected with; absent if it was not. */
  readonly rejection?: E
}

/** A decider, and what has happened to its aggregate. */
export interface Given<C, State, Command, E, R> {
  /** Handles a command. Each call begins at the same events. */
  readonly when: (command: Command) => When<C, State, E, R>
}

/**
 * A command, which each check handles anew. The checks throw an `AssertionError`. They run synchronously and without
 * services; if the decision waits for something or needs services, use `outcome`.
 */
export interface When<C, State, E, R> {
  /** Handles the command, and returns the result. Fails if an event does not match its schema. */
  readonly outcome: Effect.Effect<Outcome<C, State, E>, EventSchemaError, R>
  /** Checks that exactly these events happened, in this order. */
  readonly thenEvents: (...events: ReadonlyArray<EventOf<C>>) => void
  /** Checks that the command was accepted, and nothing happened. */
  readonly thenNothing: () => void
  /** Checks that the command was rejected, and that `check` returns true for the reason. */
  readonly thenRejected: (check?: (rejection: E) => boolean) => void
  /** Checks the state after the command. */
  readonly thenState: (state: State) => void
}

/**
 * Begins a test with the events that have happened to an aggregate. They are checked by the schemas of the category, and may be of
 * retired types.
 */
export const given = <C extends AnyCategory, State, Command, E, R>(
  decider: Decider<C, State, Command, E, R>,
  events: ReadonlyArray<EventOf<NoInfer<C>> | Decided<NoInfer<C>>>
): Given<C, State, Command, E, R> => ({
  when: (command) =>
    whenOf(outcomeOf(decider as unknown as AnyDecider, events, command) as When<C, State, E, R>["outcome"])
})

const outcomeOf = (decider: AnyDecider, events: ReadonlyArray<unknown>, command: unknown) =>
  Effect.gen(function* () {
    const { category, options } = decider
    const fold = (state: unknown, some: ReadonlyArray<unknown>) =>
      some.reduce((before, event) => options.evolve(before, event), state)
    const stream = category.stream("given")
    const givenCategory = { ...category, encode: (event: unknown) => encodeGiven(category as never, event) }
    const given = { ...decider, category: givenCategory }
    const { stored: history } = yield* encodeDecided(given, stream, events, { context: undefined })
    const before = fold(options.initialState(), history)
    const decided = yield* Effect.result(decide(decider, command, before))
    if (Result.isFailure(decided)) return { events: [], state: before, rejection: decided.failure }
    const { stored } = yield* encodeDecided(decider, stream, decided.success, { context: undefined })
    return { events: stored, state: fold(before, stored) }
  })

const whenOf = <C, State, E, R>(outcome: When<C, State, E, R>["outcome"]): When<C, State, E, R> => {
  const accepted = (check: (outcome: Outcome<C, State, E>) => void) => () => {
    const found = now(outcome)
    if ("rejection" in found)
      throw new AssertionError({ message: `the command was rejected: ${String(found.rejection)}` })
    check(found)
  }
  return {
    outcome,
    thenEvents: (...events) => accepted((found) => deepStrictEqual(found.events, events))(),
    thenNothing: accepted(({ events }) => deepStrictEqual(events, [])),
    thenState: (state) => accepted((found) => deepStrictEqual(found.state, state))(),
    thenRejected: (check = () => true) => {
      const found = now(outcome)
      if (!("rejection" in found)) {
        const message = "the command was accepted, and a rejection was expected"
        throw new AssertionError({ message, actual: found.events, expected: "a rejection" })
      }
      if (check(found.rejection as E)) return
      throw new AssertionError({ message: `the command was rejected for another reason: ${String(found.rejection)}` })
    }
  }
}

const now = <A, R>(outcome: Effect.Effect<A, EventSchemaError, R>): A => {
  const exit = Effect.runSyncExit(outcome as Effect.Effect<A, EventSchemaError>)
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}
