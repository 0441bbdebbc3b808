/**
 * Lib meta, folded: its tapes, its live dynamic segments, the checkpoints of its consumers, and how far the chain of
 * commits has got.
 */
import type { FormatVersion } from "../format/Format.ts"
import type { Limits } from "../format/Limits.ts"
import type { Placement } from "../format/Placement.ts"
import type { CheckpointState } from "./Checkpoint.ts"
import type { Anchor, Role } from "./SystemRecord.ts"

/** A tape as its lib lists it. */
export interface TapeListing {
  /** Name of the tape, which is also that of its folder. */
  readonly name: string
  /** Id of the tape, a UUID. */
  readonly tape: string
  /** Whether anyone may append to it (`records`), or only the event store (`events`). */
  readonly role: Role
  /** An archived tape refuses appends. */
  readonly state: "active" | "archived"
  /** Id that the tape had before it was recovered. */
  readonly replaces?: string
}

/** A dynamic segment that may hold batches that are not in a segment yet. */
export interface LiveDynamic {
  readonly dynamic: number
  /** Batches after this one do not count: a later file has them. `undefined`: no limit. */
  readonly limit: number | undefined
}

/** A restore: the history up to `anchor` is that of the lineage `from`, what follows is that of `lineage`. */
export interface Branch {
  readonly anchor: Anchor
  readonly from: string
  readonly lineage: string
  readonly time: string
}

/** Mark of a backup: the state that it holds, with the number of records of each tape. */
export interface BackupMark {
  readonly anchor: Anchor
  readonly tapes: ReadonlyArray<readonly [tape: string, records: number]>
  readonly time: string
}

/** Lib meta, folded. */
export interface LibState {
  /** Version of the format that lib meta is written in. */
  readonly format: number
  readonly lib: string
  readonly created: string
  readonly limits: Limits
  readonly placement: Placement
  readonly tapes: ReadonlyMap<string, TapeListing>
  /**
   * Listings of tapes that were recovered under a new id, oldest first: dynamic segments may still name the old ids.
   */
  readonly replaced: ReadonlyArray<TapeListing>
  /** Role of every tape id that was ever listed, so that batches of a replaced tape can still be read. */
  readonly roles: ReadonlyMap<string, Role>
  /** Whether it is an unfinished copy, which must not be opened. */
  readonly unfinished: boolean
  /** 0 before the first writer. */
  readonly epoch: number
  /** Everything up to this anchor is in segments. */
  readonly anchor: Anchor
  /** The dynamic segments must reach at least this batch. */
  readonly upto: number
  /** Dynamic segments that may hold batches, in the order of these. */
  readonly live: ReadonlyArray<LiveDynamic>
  /** Highest number of a dynamic segment that was ever listed. */
  readonly highest: number
  /** Restores that this lib goes back to, oldest first. */
  readonly branches: ReadonlyArray<Branch>
  /** Checkpoints of consumers, by name, without those in live dynamic segments, which are later. */
  readonly checkpoints: ReadonlyMap<string, CheckpointState>
  /** A recovery found no lib meta: a consumer that is not in `checkpoints` may have had one. */
  readonly areCheckpointsLost: boolean
  /** The lib is a backup, which nobody may write to. */
  readonly backup: BackupMark | undefined
  /** Number of records in lib meta; a rewrite is due if it is far beyond what is live. */
  readonly records: number
}

/** Returns the lowest version of the format that can express a state. */
export const formatOf = ({
  backup,
  branches,
  placement,
  unfinished = false,
  checkpoints = noCheckpoints,
  areCheckpointsLost = false
}: Pick<LibState, "backup" | "branches" | "placement"> &
  Partial<Pick<LibState, "areCheckpointsLost" | "checkpoints" | "unfinished">>): FormatVersion => {
  const hasRecordsOf2 = unfinished || branches.length > 0 || backup !== undefined
  const hasCheckpoints = checkpoints.size > 0 || areCheckpointsLost
  return hasRecordsOf2 || hasCheckpoints || !placementsOf1.has(placement.kind) ? 2 : 1
}

const noCheckpoints: LibState["checkpoints"] = new Map()

/** Kinds of placement that format 1 knows. */
const placementsOf1 = new Set(["category", "stream", "single", "hashed"])

/** Returns the lineage that a state belongs to: the one of the last restore, else the first, which has the lib's id. */
export const lineageOf = ({ branches, lib }: Pick<LibState, "branches" | "lib">): string =>
  branches.at(-1)?.lineage ?? lib

/**
 * Returns the next position of `lineage` at which the history of this lib leaves it: positions below are common to both.
 * `Infinity` for its own lineage, `undefined` for one that its history never had.
 */
export const endOfLineage = (state: Pick<LibState, "branches" | "lib">, lineage: string): number | undefined => {
  const branch = state.branches.find(({ from }) => from === lineage)
  if (branch !== undefined) return branch.anchor.position
  return lineage === lineageOf(state) ? Number.POSITIVE_INFINITY : undefined
}
