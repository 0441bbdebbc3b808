/** The outcomes of a command that was done before. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { commandEventId } from "../domain/event/commandIds.ts"
import { EventIdConflict } from "../domain/event/EventErrors.ts"
import type { AggregateStates, AnyDecider, LoadStateError, Past } from "./AggregateStates.ts"
import { decide } from "./decideAndEncode.ts"
import type { AppendResult, EventStore } from "./EventStore.ts"

/** A command for an aggregate, and what `findCommand` says of its stream. */
interface Given {
  readonly decider: AnyDecider
  readonly id: string
  readonly command: unknown
  readonly stream: string
  readonly states: AggregateStates
  readonly made: AppendResult | undefined
}

/**
 * Returns what became of each aggregate the first time; `undefined` if the command was not done for any. Fails if one of them
 * was not part of it. As in an append, aggregates of the first time may be left out.
 */
export const outcomesOf = (
  commandId: string,
  given: ReadonlyArray<Given>
): Effect.Effect<ReadonlyArray<Past> | undefined, LoadStateError, EventStore> =>
  Effect.suspend(() => {
    const position = Math.max(...given.map(({ made }) => made?.lastPosition ?? -1))
    if (position === -1) return Effect.succeed(undefined)
    const done = given.find(({ made }) => made !== undefined)!
    return Effect.forEach(given, (one) =>
      Effect.tap(one.states.at(one.id, position, one.made), ({ state }) =>
        one.made === undefined ? refuseEvents(one, state, conflict(commandId, done)) : Effect.void
      )
    )
  })

/**
 * Fails if the command, which has made no events of this aggregate, would have made some: then the aggregate was not part of
 * the first call. Decides on the state of that time, which the first call decided on if the aggregate was part of it.
 */
const refuseEvents = (one: Given, state: unknown, error: EventIdConflict): Effect.Effect<void, EventIdConflict> =>
  Effect.flatMap(Effect.result(decide(one.decider, one.command, state)), (decided) =>
    Result.isSuccess(decided) && decided.success.length === 0 ? Effect.void : Effect.fail(error)
  )

/** The error that an append of the same commands would have: it names a stream in which the command was done. */
const conflict = (commandId: string, { stream }: Given): EventIdConflict =>
  new EventIdConflict({ stream, id: commandEventId(stream, commandId, 0), why: "partly-repeated", commandId })
