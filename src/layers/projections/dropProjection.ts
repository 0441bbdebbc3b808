/** Drops a version of a projection: its tables, its checkpoint, and its row in the registry, in one transaction. */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { aFlag, type Checks } from "../../domain/format/checkOptions.ts"
import type { InvalidArgument } from "../../domain/format/Errors.ts"
import { checkOptions } from "../../services/base/checkCall.ts"
import type { ConsumerClaimed } from "../../services/ports/CheckpointStore.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import type { Options } from "./definition.ts"
import { ProjectionFailed, ProjectionIsCurrent } from "./errors.ts"
import { Registry } from "./Registry.ts"
import { checkpointsOf, consumerOf, registryTable, toolsOf } from "./run.ts"

/** What may be dropped. */
export interface DropOptions {
  /** Whether to drop the version that is read, such as to begin again after a restore. Default: false. */
  readonly evenIfCurrent?: boolean
}

const checks = { evenIfCurrent: aFlag } satisfies Checks<DropOptions>

/** Why a projection was not dropped. */
export type DropError =
  | ConsumerClaimed
  | InvalidArgument
  | ProjectionFailed
  | ProjectionIsCurrent
  | StorageError
  | SqlError

export const dropProjection = (
  { drop, name, version }: Required<Options<string>>,
  options: DropOptions = {}
): Effect.Effect<void, DropError, SqlClient> =>
  Effect.gen(function* () {
    yield* checkOptions("Projection.drop", options, checks)
    const sql = yield* SqlClient
    const registry = new Registry(sql, registryTable)
    yield* registry.create
    const checkpoints = yield* checkpointsOf({})
    const entries = yield* checkpoints.claim(consumerOf(name, version), "refuse")
    const steps = Effect.gen(function* () {
      if (options.evenIfCurrent !== true && (yield* registry.current(name)) === version) {
        return yield* new ProjectionIsCurrent({ projection: name, version })
      }
      yield* Effect.mapError(
        drop(toolsOf(sql, version)),
        (error) => new ProjectionFailed({ projection: name, version, step: "drop", error })
      )
      for (const key of yield* entries.keys) yield* entries.remove(key)
      yield* registry.remove(name, version)
    })
    yield* entries.transaction!(steps)
  }).pipe(Effect.scoped)
