/** Lists the checkpoints of a lib for its users. */
import * as Effect from "effect/Effect"
import { checkpointsOf, type ConsumerCheckpoint, shownCheckpoints } from "./checkpoints.ts"
import type { LibHandle } from "./LibHandle.ts"

/** Returns the durable checkpoints of all consumers, as users see them. */
export const listCheckpoints = (lib: LibHandle): Effect.Effect<ReadonlyArray<ConsumerCheckpoint>> =>
  Effect.sync(() => shownCheckpoints(checkpointsOf(lib)))
