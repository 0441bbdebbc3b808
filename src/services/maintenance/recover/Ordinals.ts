/** Where files stood in the old tape, and what is missing between them: as far as anything still says so. */
import { numbersBeforeRepack } from "../../../domain/meta/TapeState.ts"

/** A file that was a segment of the old tape: one that is there, or one that is lost. */
export interface OldSegment {
  readonly number: number
  /** `undefined` where it is lost and nobody knows. */
  readonly records: number | undefined
  readonly isLost: boolean
  /** Ordinal of its first record; `undefined` where nothing says it of this very file. */
  readonly ordinal: number | undefined
}

/** Ordinals of the old tape between which records are lost: all of them where they are as many. */
export interface Gap {
  readonly from: number
  readonly to: number
  readonly records: number
}

/** Numbers that no file has. */
export interface Missing {
  readonly from: number
  readonly to: number
  /**
   * A file of each of these numbers is gone, of this tape or of the one that it was recovered or cloned from. Else a
   * repack may have left them out, as it does with three and more: nothing tells whether it did.
   */
  readonly certain: boolean
}

/**
 * The ordinals of files that ascend by number, with those that follow from what is known of their neighbours.
 * `countsLost`: whether lost files were segments of this tape, and not of one that it was recovered from.
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

/** What is lost of the old tape. `end`: the ordinal behind which nothing is lost, where that is known. */
export const gapsOf = (places: ReadonlyArray<OldSegment>, countsLost: boolean, end: number | undefined): Array<Gap> => {
  const gaps: Array<Gap> = []
  /** The last ordinal that is known, and records behind it of which it is not known where they stood. */
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

/** Numbers that are missing between files; not where one of `dropped` is: a repack did away with those. */
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

/** Whether a file that is good follows before a repack can: had it taken the missing ones, it had taken that one too. */
const standsBeforeRepack = (files: ReadonlyArray<{ readonly number: number; readonly isLost: boolean }>): boolean => {
  const good = files.findIndex(({ isLost }) => !isLost)
  return files.slice(1, good + 1).every(({ number }, index) => number - files[index]!.number <= numbersBeforeRepack)
}
