/** A projection that runs: a consumer whose transactions hold the rows and the checkpoint. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { InvalidArgument } from "../../domain/format/Errors.ts"
import { checkOptions } from "../../services/base/checkCall.ts"
import * as Consumer from "../../services/Consumer.ts"
import { Operation } from "../../services/consumers/spans.ts"
import type { EventStore } from "../../services/EventStore.ts"
import { CheckpointStore, type ClaimedEntries, type OutsideLib } from "../../services/ports/CheckpointStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { makeSql } from "../checkpoints/sql.ts"
import { handlerOf, type Options, runChecks, type RunOptions, type Tools } from "./definition.ts"
import { ProjectionFailed } from "./errors.ts"
import { Registry } from "./Registry.ts"

/** How far a projection is. */
export interface Progress {
  /** The lowest position that is not handled. */
  readonly position: number
  /** Events that are still to come; `undefined` if the store cannot be looked at. */
  readonly left: number | undefined
  /** Events a second since the run began, those that are filtered included. */
  readonly eventsPerSecond: number
  /** Seconds until it has caught up, at this rate; `undefined` if that is not known. */
  readonly secondsLeft: number | undefined
}

/** A projection that runs. */
export interface Running<Name extends string = string> extends Pick<
  Consumer.Running<Name>,
  "name" | "pause" | "resume" | "status" | "stopped" | "whenProcessed"
> {
  /** Version that runs. */
  readonly version: number
  /** Returns how far it is, how fast, and how long it will take. */
  readonly progress: Effect.Effect<Progress>
  /** Waits until everything that the store has now is handled, and, unless that is done by hand, this version is read. */
  readonly whenCaughtUp: Effect.Effect<void, Effect.Error<Consumer.Running["whenCaughtUp"]> | SqlError>
  /** Lets this version be read, unless a later one is. Waits for nothing. */
  readonly makeCurrent: Effect.Effect<void, SqlError>
}

/** Why a projection cannot begin. */
export type RunError = Consumer.OpenConsumerError | ProjectionFailed | SqlError

export const registryTable = "litetapes_projections"
const checkpointTable = "litetapes_checkpoints"

/** Names the checkpoint of a version. */
export const consumerOf = (name: string, version: number): string => `${name}-v${version}`

export const toolsOf = (sql: SqlClient, version: number): Tools => ({
  sql,
  version,
  table: (name) => `${name}_v${version}`
})

export const runProjection = <Name extends string>(
  options: Required<Options<Name>>,
  running: RunOptions = {}
): Effect.Effect<Running<Name>, RunError, EventStore | SqlClient | Scope.Scope> =>
  Effect.gen(function* () {
    yield* checkOptions("Projection.run", running, runChecks)
    const { events, name, version } = options
    const { onClaimed = "refuse", switch: switching = "when-caught-up", transactionEvents = 500 } = running
    const sql = yield* SqlClient
    const tools = toolsOf(sql, version)
    const registry = new Registry(sql, registryTable)
    const checkpoints = yield* checkpointsOf(running)
    yield* registry.create
    const consumer = Consumer.make({
      name: consumerOf(name, version),
      version,
      filter: { categories: events.map(({ category }) => category) },
      handler: handlerOf(events, tools),
      transaction: { events: transactionEvents },
      onClaimed
    })
    const began = yield* Clock.currentTimeMillis
    const prepared = preparing(checkpoints, ({ transaction }) => transaction!(prepare(options, tools, registry)))
    const run: Effect.Effect<Consumer.Running, RunError, CheckpointStore | EventStore | Scope.Scope> =
      Consumer.run(consumer)
    const ran = yield* run.pipe(
      Effect.provideService(CheckpointStore, prepared),
      Effect.provideService(Operation, "project")
    )
    const first = (yield* ran.status).position
    const makeCurrent = registry.switchTo(name, version)
    let isSwitched = switching === "by-hand"
    const switchOnce = Effect.suspend(() =>
      isSwitched ? Effect.void : Effect.map(makeCurrent, () => void (isSwitched = true))
    )
    const whenCaughtUp = Effect.andThen(ran.whenCaughtUp, switchOnce)
    // If the projection stops, its status says why.
    const { pause, resume, status, stopped, whenProcessed } = ran
    const switched = Effect.retry(whenCaughtUp, Schedule.spaced("1 second"))
    if (!isSwitched) yield* Effect.forkScoped(Effect.ignore(Effect.raceFirst(switched, stopped)))
    const progress = Effect.gen(function* () {
      const { lag, position } = yield* status
      const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
      return progressOf(position, position - first, lag, seconds)
    })
    return { name, version, progress, makeCurrent, pause, resume, status, stopped, whenCaughtUp, whenProcessed }
  })

const progressOf = (position: number, handled: number, left: number | undefined, seconds: number): Progress => {
  const eventsPerSecond = seconds > 0 ? handled / seconds : 0
  const secondsLeft = left === 0 ? 0 : left === undefined || eventsPerSecond === 0 ? undefined : left / eventsPerSecond
  return { position, left, eventsPerSecond, secondsLeft }
}

export const checkpointsOf = ({
  lease
}: Pick<RunOptions, "lease">): Effect.Effect<OutsideLib, StorageError | InvalidArgument, SqlClient> =>
  makeSql(lease === undefined ? { table: checkpointTable } : { table: checkpointTable, lease })

/**
 * Prepares what was claimed, while nobody else can have it. What that fails with, `Consumer.run` fails with: it hands on
 * the errors of a claim as they are.
 */
export const preparing = <E>(
  checkpoints: OutsideLib,
  prepared: (entries: ClaimedEntries) => Effect.Effect<void, E>
): OutsideLib => ({
  claim: (consumer, onClaimed) =>
    Effect.tap(
      checkpoints.claim(consumer, onClaimed),
      (entries) => prepared(entries) as Effect.Effect<void, StorageError>
    )
})

/** Creates the tables of a version that the database does not have yet. */
const prepare = (
  { init, name, version }: Required<Options<string>>,
  tools: Tools,
  registry: Registry
): Effect.Effect<void, SqlError | ProjectionFailed> =>
  Effect.gen(function* () {
    if (!(yield* registry.add(name, version))) return
    yield* Effect.mapError(
      init(tools),
      (error) => new ProjectionFailed({ projection: name, version, step: "init", error })
    )
  })
