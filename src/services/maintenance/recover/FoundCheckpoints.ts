/**
 * The checkpoints that a recovered lib has. A checkpoint counts only if nothing is lost that may have followed it: else
 * its consumer refuses to run until somebody decides where it continues, so that no event is handled twice unnoticed.
 */
import type { CheckpointState } from "../../../domain/meta/Checkpoint.ts"
import type { LibState } from "../../../domain/meta/LibState.ts"
import { isAnyLostAfter, type LostBatches } from "./LostBatches.ts"
import type { DamagedLib } from "./expectDamage.ts"
import type { Orphans } from "./Orphans.ts"

/** What is known of the old lib meta. */
export interface OldMeta extends DamagedLib {
  /** Version of its format, if its first line can be read. */
  readonly format: number | undefined
  /** Checkpoints in those of its lines that can be read. */
  readonly salvaged: ReadonlyMap<string, CheckpointState>
}

/** Returns the checkpoints of the recovered lib, and whether it may have had others. */
export const foundCheckpoints = (
  { format, isWhole, salvaged, state }: OldMeta,
  orphans: Pick<Orphans, "checkpoints">,
  batches: Pick<LostBatches, "ranges">,
  position: number
): Pick<LibState, "areCheckpointsLost" | "checkpoints"> => {
  const checkpoints = new Map<string, CheckpointState>()
  const anchor = state?.anchor.batch ?? 0
  const take = (consumer: string, { above, at, isLost, low, version }: CheckpointState, batch: number): void => {
    const isSure = isWhole && isLost === undefined && !isAnyLostAfter(batches, batch)
    // Beyond the end of the lib nothing can be done. That would be damage that no checksum has found.
    const isPossible = (above.at(-1)?.[1] ?? low) <= position
    const kept = isPossible
      ? { version, low, above, ...(at === undefined ? {} : { at }) }
      : { version: 0, low: 0, above: [] }
    checkpoints.set(consumer, isSure && isPossible ? kept : { ...kept, isLost: true })
  }
  for (const [consumer, checkpoint] of state?.checkpoints ?? salvaged) take(consumer, checkpoint, anchor)
  for (const [consumer, { batch, checkpoint }] of orphans.checkpoints) {
    // A dynamic segment that was closed already, and is still there.
    if (batch > anchor || !checkpoints.has(consumer)) take(consumer, checkpoint, Math.max(batch, anchor))
  }
  // Format 1 has no checkpoints, and lib meta is replaced before there is the first one.
  const hadNone = format === 1 && state?.areCheckpointsLost !== true
  return { checkpoints, areCheckpointsLost: state?.areCheckpointsLost === true || (!isWhole && !hadNone) }
}
