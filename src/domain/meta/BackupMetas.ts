/** The lib metas that a backup and a restore write, and what an incremental backup may continue. */
import { refold } from "./LibRefold.ts"
import { type BackupMark, type Branch, lineageOf, type LibState, type TapeListing } from "./LibState.ts"
import { type Anchor, type LibRecord, origin, type Unchained } from "./SystemRecord.ts"

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
export const whyForeign = (
  state: Pick<LibState, "branches" | "lib">,
  anchor: Anchor,
  earlier: Moment
): string | undefined => {
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

/** Returns the records of a whole state that has no live dynamic segments: a backup. */
export const refoldBackup = (state: LibState, mark: BackupMark): Array<Unchained<LibRecord>> => {
  const dynamic = Math.max(state.highest, 1)
  return [
    ...refold({ ...state, backup: mark }),
    {
      $type: "LiteLib.Epoch",
      anchor: mark.anchor,
      dynamic,
      epoch: Math.max(state.epoch, 1),
      old: [],
      upto: mark.anchor.batch
    },
    { $type: "LiteLib.Clean", anchor: mark.anchor },
    { $type: "LiteLib.Backup", ...mark }
  ]
}

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
