/** All mutants. */
import { backups } from "./backups.ts"
import { checkpointMutants } from "./checkpoints.ts"
import { conditionMutants } from "./conditions.ts"
import { commits } from "./commits.ts"
import { consumerMutants } from "./consumers.ts"
import { errors } from "./errors.ts"
import { fences } from "./fences.ts"
import { harmless } from "./harmless.ts"
import { metas } from "./metas.ts"
import type { Mutant } from "./mutant.ts"
import { openings } from "./openings.ts"
import { queryMutants } from "./queries.ts"
import { repeats } from "./repeats.ts"
import { scheduledMutants } from "./scheduled.ts"
import { segments } from "./segments.ts"

/** Mutants that must be caught. */
export const mutants: ReadonlyArray<Mutant> = [
  ...commits,
  ...metas,
  ...segments,
  ...openings,
  ...errors,
  ...fences,
  ...backups,
  ...repeats,
  ...conditionMutants,
  ...checkpointMutants,
  ...consumerMutants,
  ...scheduledMutants,
  ...queryMutants
]

export const all: ReadonlyArray<Mutant> = [...mutants, ...harmless]
