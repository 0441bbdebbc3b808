/** The history of a lib across backups and restores: places in it that are kept elsewhere. */
import { endOfLineage, type LibState } from "./LibState.ts"

/**
 * An event in the history of a lib, as a checkpoint or a snapshot outside the lib refers to it. A position alone is not
 * enough: after a restore, other events may have the positions of those that were left out.
 */
export interface Place {
  /** UUID of the lib; a restore keeps it. */
  readonly lib: string
  /** UUID of the lineage: that of the lib before its first restore, then a new one for each restore. */
  readonly lineage: string
  /** Position of the event. */
  readonly position: number
}

type History = Pick<LibState, "branches" | "lib">

/** Returns whether the event at `place` is in the history of a lib whose next event gets position `next`. */
export const containsPlace = (state: History, next: number, { lib, lineage, position }: Place): boolean => {
  const end = lib === state.lib ? endOfLineage(state, lineage) : undefined
  return end !== undefined && position >= 0 && position < Math.min(end, next)
}

/** Returns whether a lib meta is that of a first backup, or of a restore, that did not finish: it shows no moment. */
export const isUnfinished = ({ anchor, backup, upto }: Pick<LibState, "anchor" | "backup" | "upto">): boolean =>
  backup !== undefined && anchor.batch < upto
