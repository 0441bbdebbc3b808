/**
 * The history of a lib across backups and restores: places in it that are kept elsewhere, and the lib metas that a backup
 * and a restore write.
 */
import { refold } from "./LibRefold.ts"
import { type BackupMark, type Branch, endOfLineage, lineageOf, type LibState, type TapeListing } from "./LibState.ts"
import { type Anchor, type LibRecord, origin, type Unchained } from "./SystemRecord.ts"

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

/** A state of a lib as a whole: everything up to a batch. */
export interface Moment {
  readonly lib: string
  readonly lineage: string
  readonly anchor: Anchor
}

/** Returns the moment that a lib meta without live dynamic segments shows. */
export const momentOf = (state: LibState): Moment => ({
  lib: state.lib,
  lineage: lineageOf(state),
  anchor: state.anchor
})

/** Returns why an earlier moment is not in the history of a lib that stands at `anchor`; `undefined` if it is. */
export const whyForeign = (state: History, anchor: Anchor, earlier: Moment): string | undefined => {
  if (earlier.lib !== state.lib) return `it is of lib ${earlier.lib}, not of ${state.lib}`
  const left = state.branches.find(({ from }) => from === earlier.lineage)
  if (left === undefined && earlier.lineage !== lineageOf(state)) {
    return `its lineage ${earlier.lineage} is not in the history of this lib: one of the two was restored`
  }
  const end = left?.anchor ?? anchor
  if (earlier.anchor.position > end.position || earlier.anchor.batch > end.batch) {
    const at = `position ${earlier.anchor.position}, batch ${earlier.anchor.batch}`
    return `it has come to ${at}, but the history that both have in common ends at position ${end.position}, batch ${end.batch}`
  }
  if (earlier.anchor.batch === end.batch && earlier.anchor.hash !== end.hash) {
    return `both have a batch ${end.batch}, but not the same one: they were copied by hand, and both were written to`
  }
  return undefined
}

/** Returns whether a lib meta is that of a first backup, or of a restore, that did not finish: it shows no moment. */
export const isUnfinished = ({ anchor, backup, upto }: Pick<LibState, "anchor" | "backup" | "upto">): boolean =>
  backup !== undefined && anchor.batch < upto

/**
 * Returns the lib meta with which a backup or a restore into an empty place begins. It is a backup of nothing, and its
 * `upto` says that more has to come, so nobody takes it for an empty lib. `tapes` are those whose folders are durable.
 */
export const refoldUnfinished = (
  state: LibState,
  tapes: ReadonlyArray<TapeListing>,
  time: string
): Array<Unchained<LibRecord>> => {
  const listed = new Map(tapes.map((tape) => [tape.name, tape]))
  const mark: BackupMark = { anchor: origin, tapes: tapes.map(({ tape }) => [tape, 0]), time }
  return [
    ...refold({ ...state, backup: mark, branches: [], checkpoints: new Map(), replaced: [], tapes: listed }),
    { $type: "LiteLib.Epoch", anchor: origin, dynamic: 1, epoch: 1, old: [], upto: Math.max(1, state.anchor.batch) },
    { $type: "LiteLib.Clean", anchor: origin },
    { $type: "LiteLib.Backup", ...mark }
  ]
}

/** Returns the lib meta of a restored lib, which begins the lineage of `branch`. */
export const refoldRestored = (state: LibState, branch: Branch): Array<Unchained<LibRecord>> => {
  const { anchor } = branch
  return [
    ...refold({ ...state, backup: undefined, branches: [...branchesUpTo(state, anchor.position), branch] }),
    {
      $type: "LiteLib.Epoch",
      anchor,
      dynamic: Math.max(state.highest, 1),
      epoch: Math.max(state.epoch, 1),
      old: [],
      upto: anchor.batch
    },
    { $type: "LiteLib.Clean", anchor }
  ]
}

/** Returns the lineage that a restore up to `position` leaves: lineages that begin after it are not in its history. */
export const lineageAt = (state: LibState, position: number): string =>
  lineageOf({ lib: state.lib, branches: branchesUpTo(state, position) })

const branchesUpTo = ({ branches }: LibState, position: number): ReadonlyArray<Branch> =>
  branches.filter(({ anchor }) => anchor.position <= position)
