/** Dynamic segments of a lib that nothing lists any more: the committed records in them, by the id of their tape. */
import * as Effect from "effect/Effect"
import type { DynamicCorrupt } from "../../../domain/format/Errors.ts"
import * as DynamicSegment from "../../../domain/journal/DynamicSegment.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import type { Root, StorageError } from "../../ports/Storage.ts"
import { readDynamic } from "../../journal/DynamicScan.ts"
import { keysOfEvents } from "../../../domain/event/eventKeys.ts"

/** The records of one batch for one tape. */
export interface OrphanPart {
  readonly batch: number
  readonly firstOrdinal: number
  readonly count: number
  readonly lines: Uint8Array
  /** Where they stand: name of the file, and the byte in it. */
  readonly file: string
  readonly offset: number
  /** The position of the next event in front of the batch, and one that no event of the batch has reached. */
  readonly positions: readonly [before: number, behind: number]
}

/** Where a dynamic segment cannot be read on: a torn end that nobody was told of, or damage. */
export interface OrphanDamage {
  readonly file: string
  readonly offset: number
  readonly why: string
}

export interface Orphans {
  readonly damaged: ReadonlyArray<OrphanDamage>
  readonly files: ReadonlyArray<{ readonly dynamic: number; readonly bytes: Uint8Array }>
  /** By tape id; ascending by batch, each batch once: a takeover writes the last one again. */
  readonly parts: ReadonlyMap<string, ReadonlyArray<OrphanPart>>
}

/** Reads every dynamic segment that there is, as far as its marks prove it. */
export const scanOrphans = Effect.fnUntraced(function* (
  root: Root
): Effect.fn.Return<Orphans, StorageError | DynamicCorrupt> {
  const files: Array<{ readonly dynamic: number; readonly bytes: Uint8Array }> = []
  const damaged: Array<OrphanDamage> = []
  const byTape = new Map<string, Map<number, OrphanPart>>()
  for (const dynamic of yield* root.journal.list) {
    const bytes = (yield* readDynamic(root, dynamic)) ?? new Uint8Array(0)
    files.push({ dynamic, bytes })
    const file = dynamicName(dynamic)
    const header = DynamicSegment.headerBytes(bytes)
    const before = DynamicSegment.startOf(bytes)
    if (before === undefined) {
      if (DynamicSegment.contentBytesOf(bytes) > header)
        damaged.push({ file, offset: header, why: "its first batch is not good" })
      continue
    }
    const { batches, damage } = DynamicSegment.scan(bytes, before, undefined)
    if (damage !== undefined) damaged.push({ file, offset: damage.offset, why: damage.why })
    for (const { batch, parts, position } of batches) {
      const behind = position + parts.reduce((sum, { count }) => sum + count, 0)
      for (const { tape, firstOrdinal, count, offset, bytes: length } of parts) {
        const known = byTape.get(tape) ?? new Map<number, OrphanPart>()
        byTape.set(tape, known)
        const lines = bytes.subarray(offset, offset + length)
        known.set(batch, { batch, firstOrdinal, count, lines, file, offset, positions: [position, behind] })
      }
    }
  }
  const parts = new Map(
    [...byTape].map(([tape, batches]) => [tape, [...batches.values()].toSorted((a, b) => a.batch - b.batch)] as const)
  )
  return { files, damaged, parts }
})

/** Committed records of a tape that is not in the new lib. */
export interface Unadopted {
  /** Id of the tape. */
  readonly tape: string
  readonly records: number
}

/** What was committed to tapes without an `adopted` id; and one behind the last position that an event of theirs has. */
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

/** Records may look like events, and be none: those of a batch have positions that only they can have. */
const positionBehind = ({ lines, positions: [before, behind] }: OrphanPart): number => {
  try {
    const position = keysOfEvents(lines).at(-1)?.position ?? -1
    return position >= before && position < behind ? position + 1 : 0
  } catch {
    return 0
  }
}
