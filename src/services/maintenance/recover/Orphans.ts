/** Finds committed records in the dynamic segments of a lib that lost its meta, by the id of their tape. */
import * as Effect from "effect/Effect"
import type { DynamicCorrupt } from "../../../domain/format/Errors.ts"
import * as DynamicSegment from "../../../domain/journal/DynamicSegment.ts"
import * as ProvedBatches from "../../../domain/journal/ProvedBatches.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import { type CheckpointState, ofMark } from "../../../domain/meta/Checkpoint.ts"
import type { Root, StorageError } from "../../ports/Storage.ts"
import { readDynamic } from "../../journal/DynamicScan.ts"
import { keysOfEvents } from "../../../domain/event/eventKeys.ts"

/** The records of one tape in one batch. */
export interface OrphanPart {
  readonly batch: number
  readonly firstOrdinal: number
  readonly count: number
  readonly lines: Uint8Array
  /** Name of their file, and the byte at which they begin. */
  readonly file: string
  readonly offset: number
  /** Position of the next event before the batch, and a position that no event of the batch reaches. */
  readonly positions: readonly [before: number, behind: number]
}

/** Place at which a dynamic segment becomes unreadable: a torn end that was never acknowledged, or damage. */
export interface OrphanDamage {
  /** Name of the dynamic segment. */
  readonly file: string
  /** Byte at which the unreadable part begins. */
  readonly offset: number
  /** Description of the damage. */
  readonly why: string
}

/** A checkpoint that the mark of a batch has. */
export interface FoundCheckpoint {
  readonly batch: number
  readonly checkpoint: CheckpointState
}

/** Content of the dynamic segments. */
export interface Orphans {
  readonly damaged: ReadonlyArray<OrphanDamage>
  readonly files: ReadonlyArray<{ readonly dynamic: number; readonly bytes: Uint8Array }>
  /** Parts by tape id, ascending by batch. Each batch is there once, although a takeover copies the last one. */
  readonly parts: ReadonlyMap<string, ReadonlyArray<OrphanPart>>
  /** Numbers of all batches that were found. */
  readonly batches: ReadonlySet<number>
  /** The last checkpoint of each consumer that their marks name, and its batch. */
  readonly checkpoints: ReadonlyMap<string, FoundCheckpoint>
  /** A position that no event of these batches reaches. */
  readonly position: number
  /** UUID of the lib that the files belong to; `undefined` if no header is whole. */
  readonly lib: string | undefined
  /** Whether acknowledged batches may have been after the last one: the damage reaches the end of the last file. */
  readonly endsInDamage: boolean
}

/**
 * Reads every dynamic segment, as far as marks prove its batches, also after damage. `limits` are the last batches that
 * count, by file, as far as they are known.
 */
export const scanOrphans = Effect.fnUntraced(function* (
  root: Root,
  limits: ReadonlyMap<number, number> = new Map()
): Effect.fn.Return<Orphans, StorageError | DynamicCorrupt> {
  const files: Array<{ readonly dynamic: number; readonly bytes: Uint8Array }> = []
  const damaged: Array<OrphanDamage> = []
  const byTape = new Map<string, Map<number, OrphanPart>>()
  const checkpoints = new Map<string, FoundCheckpoint>()
  const found = new Set<number>()
  let position = 0
  let lib: string | undefined
  let endsInDamage = false
  for (const dynamic of yield* root.journal.list) {
    const bytes = (yield* readDynamic(root, dynamic)) ?? new Uint8Array(0)
    files.push({ dynamic, bytes })
    const file = dynamicName(dynamic)
    const header = DynamicSegment.readHeader(bytes)
    if (typeof header !== "string") lib = header.lib
    const { batches, damage } = scanWhole(bytes)
    if (damage !== undefined) damaged.push({ file, offset: damage.offset, why: damage.why })
    endsInDamage = damage?.kind === "acknowledged" && !batches.some(({ offset }) => offset > damage.offset)
    for (const { batch, checkpoints: marked, parts, position: before } of batches) {
      if (batch > (limits.get(dynamic) ?? Number.POSITIVE_INFINITY)) continue
      const behind = before + parts.reduce((sum, { count }) => sum + count, 0)
      found.add(batch)
      for (const one of marked) {
        if (batch < (checkpoints.get(one[0])?.batch ?? 0)) continue
        checkpoints.set(one[0], { batch, checkpoint: ofMark(one, behind) })
      }
      position = Math.max(position, before)
      for (const { tape, firstOrdinal, count, offset, bytes: length } of parts) {
        const known = byTape.get(tape) ?? new Map<number, OrphanPart>()
        byTape.set(tape, known)
        const lines = bytes.subarray(offset, offset + length)
        known.set(batch, { batch, firstOrdinal, count, lines, file, offset, positions: [before, behind] })
      }
    }
  }
  const parts = new Map(
    [...byTape].map(([tape, batches]) => [tape, [...batches.values()].toSorted((a, b) => a.batch - b.batch)] as const)
  )
  return { files, damaged, parts, batches: found, checkpoints, position, lib, endsInDamage }
})

/** Returns the batches of a file, those after damage too, and its first damage. */
const scanWhole = (
  bytes: Uint8Array
): {
  readonly batches: ReadonlyArray<DynamicSegment.FoundBatch>
  readonly damage: DynamicSegment.Damage | undefined
} => {
  const before = ProvedBatches.startOf(bytes)
  if (before !== undefined) {
    const { batches, damage } = DynamicSegment.scan(bytes, before, undefined)
    if (damage === undefined) return { batches, damage }
    return { batches: [...batches, ...ProvedBatches.provedAfter(bytes, damage.offset)], damage }
  }
  const offset = DynamicSegment.headerBytes(bytes)
  if (DynamicSegment.contentBytesOf(bytes) <= offset) return { batches: [], damage: undefined }
  const batches = ProvedBatches.provedAfter(bytes, offset)
  const kind = batches.length > 0 ? "acknowledged" : "torn"
  return { batches, damage: { offset, why: "its first batch cannot be read", kind } }
}

/** Committed records of a tape that is not in the new lib. */
export interface Unadopted {
  /** UUID of the tape. */
  readonly tape: string
  /** Number of its committed records. */
  readonly records: number
}

/**
 * Returns the records that were committed to tapes whose id is not in `adopted`, and the position after their last
 * event.
 */
export const unadopted = (
  { parts }: Orphans,
  adopted: ReadonlySet<string>
): { readonly tapes: ReadonlyArray<Unadopted>; readonly nextPosition: number } => {
  const tapes: Array<Unadopted> = []
  let nextPosition = 0
  for (const [tape, its] of parts) {
    if (adopted.has(tape)) continue
    tapes.push({ tape, records: its.reduce((sum, { count }) => sum + count, 0) })
    for (const part of its) nextPosition = Math.max(nextPosition, part.positions[0], positionBehind(part))
  }
  return { tapes, nextPosition }
}

/** Records may look like events without being any. Events of a batch have positions within the range of that batch. */
export const positionBehind = ({ lines, positions: [before, behind] }: OrphanPart): number => {
  try {
    const position = keysOfEvents(lines).at(-1)?.position ?? -1
    return position >= before && position < behind ? position + 1 : 0
  } catch {
    return 0
  }
}
