/**
 * Finds out which acknowledged batches of a damaged lib are lost, from the batches that were found and from everything
 * that names later ones: lib meta, the hint, the metas of tapes. What nobody names cannot be missed.
 */
import * as Effect from "effect/Effect"
import * as Hint from "../../../domain/journal/Hint.ts"
import { dynamicBytesCeiling, type Limits } from "../../../domain/format/Limits.ts"
import { dynamicName } from "../../../domain/format/Names.ts"
import type { LibState } from "../../../domain/meta/LibState.ts"
import type { Root, StorageError } from "../../ports/Storage.ts"
import type { Orphans } from "./Orphans.ts"

/** Batches that are lost. */
export interface LostBatches {
  /** Ranges of batches that were acknowledged and are in no file, in order. The last end is null if it is not known. */
  readonly ranges: ReadonlyArray<readonly [first: number, last: number | null]>
  /** The same without batches that are known to have had checkpoints alone. */
  readonly recordRanges: LostBatches["ranges"]
  /** The last batch that anything names. */
  readonly known: number
  /** Names of dynamic segments that lib meta lists and that are missing. */
  readonly files: ReadonlyArray<string>
  /** Positions that events of lost batches at the end may have had, at most. */
  readonly positionsMax: number
  /** Name of the file that is damaged or missing, for people. */
  readonly where: string
}

/** Bytes of the shortest event. */
const eventBytesMin = 100

/**
 * Returns what is lost. `state` is lib meta, if it can still be read; `flushed` the highest batch that a tape's meta
 * names, if all of them can be read and belong to one lib.
 */
export const lostBatches = (
  root: Root,
  state: LibState | undefined,
  orphans: Orphans,
  flushed: number | undefined,
  limits: Limits
): Effect.Effect<LostBatches, StorageError> =>
  Effect.map(root.hint.read, (bytes) => {
    const hint = Hint.decode(bytes)
    const isOurs = hint !== undefined && root.boot !== undefined && hint.boot === root.boot
    // Without lib meta, a batch that no file names may be in a tape whose meta is lost too.
    const isKnown = isOurs && (state !== undefined || flushed !== undefined)
    // Batches of checkpoints alone leave no trace in tapes, so without lib meta nobody knows whether they are there.
    const acked = isKnown ? (state === undefined ? (hint.records ?? hint.batch) : hint.batch) : undefined
    const records = isKnown ? hint.records : undefined
    const there = new Set(orphans.files.map(({ dynamic }) => dynamic))
    const missing = (state?.live ?? []).filter(({ dynamic }) => !there.has(dynamic))
    const files = missing.map(({ dynamic }) => dynamicName(dynamic))
    const found = [...orphans.batches].toSorted((a, b) => a - b)
    const before = state?.anchor.batch ?? (found.length > 0 ? found[0]! - 1 : (flushed ?? 0))
    const known = Math.max(before, found.at(-1) ?? 0, flushed ?? 0, state?.upto ?? 0, acked ?? 0)
    const ranges: Array<readonly [number, number | null]> = rangesBetween(before, found, known)
    // A hint of this boot names the last acknowledged batch. Else a file that is gone may have had any number of them.
    const last = state?.live.at(-1)?.dynamic
    const isOpen = acked === undefined && (orphans.endsInDamage || missing.some(({ dynamic }) => dynamic === last))
    const lastFound = Math.max(before, found.at(-1) ?? 0)
    if (isOpen) {
      if (ranges.at(-1)?.[1] === known) ranges.push([ranges.pop()![0], null])
      else ranges.push([known + 1, null])
    }
    const withRecords = records === undefined ? known : Math.max(lastFound, Math.min(known, records))
    const bytesMax = isOpen
      ? Math.max(1, missing.length) * dynamicBytesCeiling
      : (withRecords - lastFound) * limits.batchBytesMax
    return {
      ranges,
      recordRanges: records === undefined ? ranges : upTo(ranges, records),
      known,
      files,
      positionsMax: Math.ceil(bytesMax / eventBytesMin),
      where: files.at(-1) ?? orphans.damaged.at(-1)?.file ?? dynamicName(last ?? orphans.files.at(-1)?.dynamic ?? 1)
    }
  })

/** Returns the ranges of batches after `before`, up to `known`, that are not among the found ones. */
const rangesBetween = (
  before: number,
  found: ReadonlyArray<number>,
  known: number
): Array<readonly [first: number, last: number]> => {
  const ranges: Array<readonly [number, number]> = []
  let next = before + 1
  for (const batch of [...found.filter((one) => one > before && one <= known), known + 1]) {
    if (batch > next) ranges.push([next, batch - 1])
    next = batch + 1
  }
  return ranges
}

/** Returns the part of the ranges up to a batch. */
const upTo = (ranges: LostBatches["ranges"], end: number): LostBatches["ranges"] =>
  ranges.flatMap(([first, last]) => (first > end ? [] : [[first, Math.min(last ?? end, end)] as const]))

/** Whether a batch with records after `batch` is lost, or may be. */
export const isLostAfter = ({ recordRanges }: Pick<LostBatches, "recordRanges">, batch: number): boolean =>
  isAfter(recordRanges, batch)

/** Whether any batch after `batch` is lost, or may be. */
export const isAnyLostAfter = ({ ranges }: Pick<LostBatches, "ranges">, batch: number): boolean =>
  isAfter(ranges, batch)

const isAfter = (ranges: LostBatches["ranges"], batch: number): boolean =>
  ranges.some(([, last]) => last === null || last > batch)
