/** The checkpoints of consumers that a lib keeps: in its dynamic segments, and earlier ones in lib meta. */
import { CheckpointLost } from "../../domain/event/CheckpointErrors.ts"
import { normalized } from "../../domain/meta/CheckpointRanges.ts"
import type { CheckpointState, DoneRange } from "../../domain/meta/Checkpoint.ts"
import type { LibHandle } from "./LibHandle.ts"

/** The checkpoint of a consumer, as a lib keeps it. */
export interface ConsumerCheckpoint {
  /** Name of the consumer. */
  readonly consumer: string
  /** Version of the consumer; 0 if it has no checkpoint, or if a recovery has found none. */
  readonly version: number
  /** The lowest position that is not done. */
  readonly low: number
  /** Ranges that are done above `low`; the second position is excluded. */
  readonly done: ReadonlyArray<DoneRange>
  /**
   * Whether a recovery has lost later checkpoints, or may have, or a restore up to a position may have left out answers
   * to events that are done in this one. The consumer then fails with `CheckpointLost` until it is run once with
   * `onNotInHistory: "begin-again"`.
   */
  readonly isLost: boolean
}

/** Returns checkpoints by name, as users see them. */
export const shownCheckpoints = (
  checkpoints: ReadonlyMap<string, CheckpointState>
): ReadonlyArray<ConsumerCheckpoint> =>
  Array.from(checkpoints, ([consumer, { above: done, isLost = false, low, version }]) => ({
    consumer,
    version,
    low,
    done,
    isLost
  })).toSorted((a, b) => (a.consumer < b.consumer ? -1 : 1))

/** A consumer that lib meta lists, and that has no checkpoint yet. */
const noCheckpoint: CheckpointState = normalized(0, 0, [])

/** The checkpoint of a consumer that lib meta does not list, where a recovery may have lost it. */
const lostCheckpoint: CheckpointState = { ...noCheckpoint, isLost: true }

/** Returns the durable checkpoint of a consumer. Its version is 0 before its first one. */
export const checkpointOf = ({ journal, meta: { state } }: LibHandle, consumer: string): CheckpointState =>
  journal.checkpoint(consumer) ??
  state.checkpoints.get(consumer) ??
  (state.areCheckpointsLost ? lostCheckpoint : noCheckpoint)

/** Returns the durable checkpoints of all consumers. */
export const checkpointsOf = ({ journal, meta: { state } }: LibHandle): Map<string, CheckpointState> => {
  const all = new Map(state.checkpoints)
  for (const { checkpoints } of journal.files) {
    for (const [consumer, checkpoint] of checkpoints) all.set(consumer, checkpoint)
  }
  return all
}

/** Whether it is not known how far a consumer of this version was. A later version than the lost one begins anew. */
export const isUnknown = ({ isLost, version: stored }: CheckpointState, version: number): boolean =>
  isLost === true && (stored === 0 || version <= stored)

/** Returns the error of a consumer whose checkpoint is lost. */
export const lost = ({ location }: LibHandle, consumer: string, { low, version }: CheckpointState): CheckpointLost =>
  new CheckpointLost({ location, consumer, low: version === 0 ? null : low })
