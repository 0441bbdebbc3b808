/** Computes the ordinals of files in the old tape, and the gaps between them, as far as they are still known. */
import { numbersBeforeRepack } from "../../../domain/meta/TapeState.ts"

/** A file that was a segment of the old tape, whether it exists or is lost. */
export interface OldSegment {
  readonly number: number
  /** `undefined` if the file is lost and its number of records is not known. */
  readonly records: number | undefined
  readonly isLost: boolean
  /** Ordinal of its first record; `undefined` if it is not recorded for this file. */
  readonly ordinal: number | undefined
}

/** A range of ordinals of the old tape in which records are lost: all of the range, if `records` is its length. */
export interface Gap {
  /** First ordinal of the range. */
  readonly from: number
  /** Ordinal after the range. */
  readonly to: number
  /** Number of records that are lost in the range. */
  readonly records: number
}

/** A range of segment numbers that no file has. */
export interface Missing {
  /** First number of the range. */
  readonly from: number
  /** Last number of the range. */
  readonly to: number
  /**
   * Whether files with these numbers are certainly gone, from this tape or the one that it was recovered or cloned
   * from. Otherwise a repack may have skipped the numbers, as it skips three or more.
   */
  readonly certain: boolean
}

/**
 * Returns the ordinals of files that ascend by number, including those that follow from the neighbours. `countsLost`
 * says whether lost files were segments of this tape, and not of one that it was recovered from.
 */
export const ordinalsOf = (places: ReadonlyArray<OldSegment>, countsLost: boolean): Array<number | undefined> => {
  const ordinals = places.map(({ number, ordinal }) => ordinal ?? (number === 1 ? 0 : undefined))
  const follows = (index: number) => {
    const [before, place] = [places[index - 1], places[index]!]
    return before?.number === place.number - 1 && (countsLost || !(before.isLost || place.isLost))
  }
  for (let index = 1; index < places.length; index++) {
    const [before, records] = [ordinals[index - 1], places[index - 1]!.records]
    if (follows(index) && before !== undefined && records !== undefined) ordinals[index] ??= before + records
  }
  for (let index = places.length - 2; index >= 0; index--) {
    const [behind, records] = [ordinals[index + 1], places[index]!.records]
    if (follows(index + 1) && behind !== undefined && records !== undefined) ordinals[index] ??= behind - records
  }
  return ordinals
}

/** Returns the gaps of the old tape. `end` is the ordinal after which nothing is lost, if that is known. */
export const gapsOf = (places: ReadonlyArray<OldSegment>, countsLost: boolean, end: number | undefined): Array<Gap> => {
  const gaps: Array<Gap> = []
  /** The last known ordinal, and the number of records after it whose place is not known. */
  let from = 0
  let between = 0
  const reach = (to: number) => {
    const records = to - from - between
    if (records > 0) gaps.push({ from, to, records })
  }
  const ordinals = ordinalsOf(places, countsLost)
  let known = 0
  for (const [index, { isLost, records = 0 }] of places.entries()) {
    const ordinal = ordinals[index]
    if (ordinal !== undefined && places[index]!.records !== undefined) known = Math.max(known, ordinal + records)
    if (isLost) continue
    if (ordinal === undefined) {
      between += records
    } else {
      reach(ordinal)
      from = ordinal + records
      between = 0
    }
  }
  reach(end ?? (between === 0 ? known : from))
  return gaps
}

/**
 * Returns the numbers that are missing between files. Skips ranges that contain a number of `dropped`: a repack removed
 * them.
 */
export const missingOf = (
  files: ReadonlyArray<{ readonly number: number; readonly isLost: boolean }>,
  dropped: ReadonlyArray<number>
): Array<Missing> => {
  const missing: Array<Missing> = []
  const all = files.toSorted((a, b) => a.number - b.number)
  let before = 0
  for (const [index, { number }] of all.entries()) {
    const [from, to] = [before + 1, number - 1]
    if (from <= to && !dropped.some((one) => one >= from && one <= to)) {
      missing.push({ from, to, certain: to - from + 1 < numbersBeforeRepack && standsBeforeRepack(all.slice(index)) })
    }
    before = number
  }
  return missing
}

/**
 * Whether a good file follows before a repack's output can: a repack of the missing files would have taken that file
 * too.
 */
const standsBeforeRepack = (files: ReadonlyArray<{ readonly number: number; readonly isLost: boolean }>): boolean => {
  const good = files.findIndex(({ isLost }) => !isLost)
  return files.slice(1, good + 1).every(({ number }, index) => number - files[index]!.number <= numbersBeforeRepack)
}
