/** Writes the state of a lib as the fewest records: the reverse of the fold. */
import { invariant } from "../base/invariant.ts"
import type { CheckpointState } from "./Checkpoint.ts"
import { formatOf, type LibState } from "./LibState.ts"
import type { LibRecord, Unchained } from "./SystemRecord.ts"

/**
 * Returns the fewest records that describe the same state, without the epoch and its dynamic segments: the next epoch
 * follows them.
 */
export const refold = (state: LibState): Array<Unchained<LibRecord>> => {
  const records: Array<Unchained<LibRecord>> = [
    {
      $type: "LiteLib.Meta",
      created: state.created,
      format: formatOf(state),
      lib: state.lib,
      limits: state.limits,
      placement: state.placement
    }
  ]
  for (const branch of state.branches) records.push({ $type: "LiteLib.Lineage", ...branch })
  for (const tape of [...state.replaced, ...state.tapes.values()]) records.push({ $type: "LiteLib.Tape", ...tape })
  return [...records, ...checkpointRecords(state)]
}

/** Returns the records of all checkpoints. */
export const checkpointRecords = ({
  areCheckpointsLost,
  checkpoints
}: Pick<LibState, "areCheckpointsLost" | "checkpoints">): Array<Unchained<LibRecord>> => {
  const records: Array<Unchained<LibRecord>> = []
  for (const [consumer, checkpoint] of checkpoints) records.push(checkpointRecord(consumer, checkpoint))
  if (areCheckpointsLost) records.push({ $type: "LiteLib.CheckpointsLost" })
  return records
}

/** Returns the record of a checkpoint. */
export const checkpointRecord = (
  consumer: string,
  { above, at, isLost, low, version }: CheckpointState
): Extract<Unchained<LibRecord>, { readonly $type: "LiteLib.Checkpoint" }> => ({
  $type: "LiteLib.Checkpoint",
  above,
  ...(at === undefined ? {} : { at }),
  consumer,
  low,
  ...(isLost === undefined ? {} : { lost: isLost }),
  version
})

/** Returns the records of a state within its epoch, to rewrite lib meta while its writer runs. */
export const refoldWithin = (state: LibState): Array<Unchained<LibRecord>> => {
  const records = refold(state)
  const old = state.live.filter((live) => live.limit !== undefined)
  const [first, ...rest] = state.live.filter((live) => live.limit === undefined)
  invariant(first !== undefined, "a running writer has a dynamic segment")
  records.push({
    $type: "LiteLib.Epoch",
    anchor: state.anchor,
    dynamic: first.dynamic,
    epoch: state.epoch,
    old: old.map((live): [number, number] => [live.dynamic, live.limit ?? 0]),
    upto: Math.max(state.upto, state.anchor.batch)
  })
  for (const live of rest) records.push({ $type: "LiteLib.Dynamic", dynamic: live.dynamic })
  return records
}
