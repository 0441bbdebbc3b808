/**
 * Replays the events of a lib in production, or of a backup, in your CI before a deployment: can the new version handle
 * all of them? The lib is opened for reading: a replay takes no lock and changes no file, so the program in production
 * does not notice it. Its results are in memory, and are dropped at the end.
 *
 * @example
 * ```ts
 * const replaying = Replay.run("/mnt/backup/bank", Replay.projection(balances)).pipe(
 *   Effect.andThen(({ events, types }) => Effect.log(events, types)),
 *   Effect.provide(NodeStorage.layer)
 * )
 * ```
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Projection from "../layers/Projection.ts"
import type { ProjectionFailed } from "../layers/projections/errors.ts"
import { aCountOrInfinity, aFlag, type Checks, nested, shown } from "../domain/format/checkOptions.ts"
import { InvalidArgument } from "../domain/format/Errors.ts"
import { checkOptions } from "../services/base/checkCall.ts"
import type { AnyDecider } from "../services/AggregateStates.ts"
import type * as Decider from "../services/Decider.ts"
import { type AllReadError, type EventFilter, open, type RecordedEvent } from "../services/EventStore.ts"
import type { Storage } from "../services/ports/Storage.ts"
import { filterChecks } from "../services/streams/EventFilter.ts"
import type { View } from "../services/View.ts"
import { decoding, foldingAggregates, type Sink, storingRows, storingValues, viewing } from "./internal/spec/sinks.ts"
import { ReplayFailure } from "./ReplayFailure.ts"

export { ReplayFailure }
export type { Sink }

/** The target of a replay. `E` is the error if it cannot begin, `R` are the services that it needs. */
export interface Target<E = never, R = never> {
  /** Categories whose events are read, unless the options filter others; `undefined`: all. */
  readonly categories: ReadonlyArray<string> | undefined
  /** Makes it, empty. */
  readonly open: Effect.Effect<Sink<R>, E, Scope.Scope>
}

/** Which events are replayed. */
export interface Options {
  /** First position. Default: 0. */
  readonly from?: number
  /** Position after the last one. Default: the end that the lib has when the replay begins. */
  readonly to?: number
  /** Events to read. Default: those of the categories of the target. */
  readonly filter?: EventFilter
  /** Whether to continue where events are lost, as in `readAll`. Default: false. */
  readonly allowGaps?: boolean
}

/** The result of a replay. */
export interface Report {
  /** Events that were read and handled. */
  readonly events: number
  /** Number of events of each type, as they are stored. */
  readonly types: ReadonlyMap<string, number>
  /** Position at which the replay ended: `to`, or the position after the last event if that is lower. */
  readonly position: number
}

/** Why a lib cannot be replayed. */
export type ReplayError = ReplayFailure | AllReadError | InvalidArgument | Effect.Error<ReturnType<typeof open>>

const optionChecks = {
  from: aCountOrInfinity,
  to: aCountOrInfinity,
  filter: nested(filterChecks),
  allowGaps: aFlag
} satisfies Checks<Options>

/**
 * Handles the events of the lib or backup at `location`, in order of position. Fails with `ReplayFailure` at the first
 * event that cannot be handled. Reads all of these events, and needs constant memory in addition to that of the target.
 */
export const run = <E, R>(
  location: string,
  target: Target<E, R>,
  options: Options = {}
): Effect.Effect<Report, ReplayError | E, Storage | R> =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* checkOptions("Replay.run", options, optionChecks)
      yield* checkTarget(target)
      const store = yield* open(location, { mode: "read" })
      const sink = yield* target.open
      const types = new Map<string, number>()
      let events = 0
      const handle = (event: RecordedEvent): Effect.Effect<void, ReplayFailure, R> => {
        const handled = Effect.catchCause(
          Effect.suspend(() => sink.handle(event)),
          (cause) => (Cause.hasInterruptsOnly(cause) ? Effect.interrupt : failed(location, event, cause, events))
        )
        return Effect.map(handled, () => {
          events += 1
          types.set(event.type, (types.get(event.type) ?? 0) + 1)
        })
      }
      const { categories } = target
      const end = yield* store.position
      const { filter = categories === undefined ? undefined : { categories }, to = end, ...rest } = options
      const read = store.readAll({ ...rest, to, ...(filter === undefined ? {} : { filter }) })
      yield* Stream.runForEachArray(read, (page) =>
        Effect.catchTag(sink.together(Effect.forEach(page, handle, { discard: true })), "SqlError", (error) =>
          // What is only checked at the end of a transaction.
          failed(location, page.at(-1)!, Cause.fail(error), events - 1)
        )
      )
      return { events, types, position: Math.min(to, end) }
    })
  )

const checkTarget = (target: unknown): Effect.Effect<void, InvalidArgument> =>
  Effect.suspend(() => {
    try {
      if (Effect.isEffect(Object(target).open)) return Effect.void
    } catch {
      // A proxy of the caller.
    }
    const why = `must be what a function of Replay returns, such as Replay.projection(balances), not ${shown(target)}`
    return Effect.fail(new InvalidArgument({ call: "Replay.run", argument: "target", why }))
  })

const failed = (
  location: string,
  { id, position, revision, stream, type }: RecordedEvent,
  cause: Cause.Cause<unknown>,
  handled: number
): ReplayFailure =>
  new ReplayFailure({ location, stream, revision, position, type, id, error: Cause.squash(cause), handled })

/** Replays into the tables of a projection, in SQLite in memory. Fails with `ProjectionFailed` if `init` does. */
export const projection = <Name extends string>({
  options
}: Projection.Projection<Name>): Target<ProjectionFailed> => ({
  categories: options.events.map(({ category }) => category),
  open: storingRows(options)
})

/** Replays into the values of a projection in a `KeyValueStore`. They must have a JSON form. */
export const keyValue = <Name extends string, Value>({
  parts
}: Projection.KeyValueProjection<Name, Value>): Target => ({
  categories: parts.map(({ category }) => category),
  open: storingValues(parts)
})

/** Replays into the state of a view. */
export const view = <Name extends string, State>({ initialState, parts }: View<Name, State>): Target => ({
  categories: parts.map(({ category }) => category),
  open: viewing(initialState, parts)
})

/** A category of any events. */
export interface AnyCategory {
  /** Name of the category. */
  readonly name: string
  /** Decodes a stored event. */
  readonly decode: (event: RecordedEvent) => Effect.Effect<unknown, unknown>
}

/** Decodes the events of a category, and does nothing else. */
export const category = ({ decode, name }: AnyCategory): Target => ({
  categories: [name],
  open: decoding(decode)
})

/** Replays into the states of a decider: decodes and evolves. The states of all aggregates are in memory. */
export const decider = <C extends Decider.AnyCategory, State, Command, E, R>(
  of: Decider.Decider<C, State, Command, E, R>
): Target => {
  const { category, options } = of as unknown as AnyDecider
  return {
    categories: [category.name],
    open: foldingAggregates(category.decode, options.initialState, options.evolve)
  }
}

/** Calls a function for each event, such as the pure part of a consumer's handler. Must have no effect outside. */
export const handler = <R = never>(
  handle: (event: RecordedEvent) => Effect.Effect<unknown, unknown, R>
): Target<never, R> => ({
  categories: undefined,
  open: Effect.succeed({ handle, together: (calls) => calls })
})
