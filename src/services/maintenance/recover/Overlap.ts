/**
 * Resolves files that contain the same records. An interrupted repack leaves its outputs next to the segments that it
 * rewrote, or some of those segments next to its outputs. Numbers show which files are which, lines prove it, and one
 * of the two is dropped. Any other overlap is left to a human. Files between which no repack can lie, by their numbers,
 * are not compared: records that occur twice there were appended twice.
 */
import type { Role } from "../../../domain/meta/SystemRecord.ts"
import { numbersBeforeRepack } from "../../../domain/meta/TapeState.ts"
import { agree, type Block, blocksOf, joined, onceInBoth, placeOf, resemble, startsOf } from "./Blocks.ts"
import type { GoodFile } from "./FoundFiles.ts"

/** Fields of a file that are compared. */
type OverlapFile = Pick<GoodFile, "name" | "number" | "prints" | "isProved">

/** The files that belong to the tape, and those that do not. */
export interface Resolved<F> {
  readonly kept: ReadonlyArray<F>
  readonly dropped: ReadonlyArray<F>
  /** Numbers of lost files whose records are in files that are kept. */
  readonly spare: ReadonlySet<number>
}

/**
 * Decides which of `files`, ascending by number, belong to the tape. `lost` are the numbers of files that cannot be
 * read.
 */
export const resolve = <F extends OverlapFile>(
  files: ReadonlyArray<F>,
  lost: ReadonlyArray<number>,
  role: Role
): Resolved<F> | { readonly ambiguous: ReadonlyArray<string> } => {
  const twins = sameNumber(files)
  if (twins.length > 0) return { ambiguous: twins }
  let kept: ReadonlyArray<F> = []
  const dropped: Array<F> = []
  const spare = new Set<number>()
  const rows = rowsOf(files, lost)
  for (const [index, row] of rows.entries()) {
    const behind = () => rows.slice(index + 1).flatMap((one) => one.files)
    const verdict = judge(kept, lost, row, behind, role)
    if (verdict === "ambiguous") return { ambiguous: namesOf(kept, row.files) }
    dropped.push(...kept.slice(verdict.keep), ...(verdict.takes ? [] : row.files))
    kept = [...kept.slice(0, verdict.keep), ...(verdict.takes ? row.files : [])]
    for (const number of verdict.spare) spare.add(number)
  }
  return { kept, dropped, spare }
}

const sameNumber = (files: ReadonlyArray<OverlapFile>): Array<string> =>
  files
    .filter((file, index) => file.number === files[index - 1]?.number || file.number === files[index + 1]?.number)
    .map((file) => file.name)

/** Returns the names of files that share records. */
const namesOf = (files: ReadonlyArray<OverlapFile>, others: ReadonlyArray<OverlapFile>): Array<string> => {
  const prints = new Set(joined(others))
  const alike = files.filter((file) => file.prints.some((print) => prints.has(print)))
  return [...alike, ...others].map(({ name }) => name)
}

/** Files before which there may have been a repack: more numbers are missing there than files are lost. */
interface Row<F> {
  /** Count of numbers between this row and the file before it, including lost files. */
  readonly gap: number
  readonly files: Array<F>
  /** Numbers of lost files in the row. */
  readonly lost: Array<number>
  /** First number of the row. */
  readonly first: number
}

const rowsOf = <F extends OverlapFile>(files: ReadonlyArray<F>, lost: ReadonlyArray<number>): Array<Row<F>> => {
  const byNumber = new Map<number, F | undefined>(lost.map((number) => [number, undefined]))
  for (const file of files) byNumber.set(file.number, file)
  const rows: Array<Row<F>> = []
  let before = 0
  for (const [number, file] of [...byNumber].toSorted(([a], [b]) => a - b)) {
    const gap = number - before - 1
    if (rows.length === 0 || gap >= numbersBeforeRepack) rows.push({ gap, files: [], lost: [], first: number })
    const row = rows.at(-1)!
    if (file === undefined) row.lost.push(number)
    else row.files.push(file)
    before = number
  }
  return rows
}

/**
 * An interpretation of the files. `spare` are the numbers of lost files whose records it proves to be in files that
 * stay.
 */
interface Reading {
  /** Number of files before the row that stay. A finished repack had not removed the others yet. */
  readonly keep: number
  /** Whether the row's files stay. They are dropped if they are the beginning of an unfinished repack. */
  readonly takes: boolean
  readonly spare: ReadonlyArray<number>
}

/** Decides how a row relates to the files before it. `behind` are the files after it. */
const judge = (
  files: ReadonlyArray<OverlapFile>,
  lost: ReadonlyArray<number>,
  row: Row<OverlapFile>,
  behind: () => ReadonlyArray<OverlapFile>,
  role: Role
): Reading | "ambiguous" => {
  const unrelated = { keep: files.length, takes: true, spare: [] }
  if (files.length === 0 || row.files.length === 0) return unrelated
  const before = sideOf(files, lost)
  const outputs = sideOf(row.files, row.lost)
  const isRepack = row.gap === numbersBeforeRepack
  const unfinished = notFinished(before, outputs, row, isRepack || role === "records")
  const done = finished(before, lost, outputs, row)
  const reading = done ?? unfinished
  if (reading === undefined) return overlaps(before, outputs, isRepack) ? "ambiguous" : unrelated
  // A file may be part of a lost output, and share a few records with one that exists.
  const rest = sideOf(files.slice(0, reading.keep), lost)
  if (reading.takes && overlaps(rest, outputs, false)) return "ambiguous"
  if (done !== undefined && unfinished !== undefined) {
    // If both have the same length, both give the same stream.
    const more = rest.prints.length + outputs.prints.length - before.prints.length
    if (more !== 0) return role === "events" && more > 0 ? unfinished : "ambiguous"
  }
  // No event occurs twice.
  return role === "events" || (isRepack && isTold(before, outputs, behind(), reading)) ? reading : "ambiguous"
}

/**
 * Whether each part that a reading drops contains a record that occurs nowhere else on its side, so that the repetition
 * cannot be a coincidence. Parts are separated by missing numbers.
 */
const isTold = (before: Side, outputs: Side, behind: ReadonlyArray<OverlapFile>, { keep, takes }: Reading): boolean => {
  const both = onceInBoth(before.prints, outputs.prints)
  const once = new Set(both.map(([place]) => before.prints[place]!))
  for (const { prints } of behind) for (const print of prints) once.delete(print)
  const places = both.filter(([place]) => once.has(before.prints[place]!))
  const dropped = takes ? blocksOf(before.files.slice(keep)) : outputs.blocks
  const first = takes ? before.starts[keep]! : 0
  const at = places.map((place) => place[takes ? 0 : 1] - first)
  return dropped.every(({ end, start }) => at.some((one) => one >= start && one < end))
}

/** Files on one side of a possible repack. */
interface Side {
  readonly files: ReadonlyArray<OverlapFile>
  readonly starts: ReadonlyArray<number>
  /** Files whose records certainly follow each other. */
  readonly blocks: ReadonlyArray<Block>
  /**
   * Files whose records may follow each other: only numbers that a repack may have skipped are missing between them.
   */
  readonly rooms: ReadonlyArray<readonly [start: number, end: number]>
  readonly prints: Float64Array
  /** Returns how many files are certainly missing between those with the two numbers. */
  readonly missing: (before: number, behind: number) => number
}

const sideOf = (files: ReadonlyArray<OverlapFile>, lost: ReadonlyArray<number>, prints = joined(files)): Side => {
  const missing = (before: number, behind: number): number => {
    let count = 0
    let from = before
    for (const number of [...lost.filter((one) => one > before && one < behind), behind]) {
      if (number - from - 1 < numbersBeforeRepack) count += number - from - 1
      if (number < behind) count++
      from = number
    }
    return count
  }
  const blocks = blocksOf(files)
  const rooms: Array<readonly [number, number]> = []
  for (const [index, { end, numbers, start }] of blocks.entries()) {
    const before = blocks[index - 1]
    if (before === undefined || missing(before.numbers[1], numbers[0]) > 0) rooms.push([start, end])
    else rooms[rooms.length - 1] = [rooms.at(-1)![0], end]
  }
  return { files, starts: startsOf(files), blocks, rooms, prints, missing }
}

const standsIn = (prints: Float64Array, { prints: all, rooms }: Side): boolean =>
  rooms.some((room) => placeOf(prints, all, room, () => true) !== -1)

/**
 * Returns the interpretation in which the repack was finished: its outputs contain, in order, the segments that it had
 * not removed yet. Takes as many segments as possible, because any that stayed would repeat records.
 */
const finished = (
  before: Side,
  lost: ReadonlyArray<number>,
  outputs: Side,
  row: Row<OverlapFile>
): Reading | undefined => {
  const { files } = before
  const isRepack = row.gap === numbersBeforeRepack
  const lastNumber = row.first - row.gap - 1
  const lostBehind = lastNumber - files.at(-1)!.number
  const ends = new Set(outputs.files.map(({ prints }, index) => outputs.starts[index]! + prints.length))
  let reading: Reading | undefined
  for (let index = files.length - 1; index >= 0; index--) {
    const { number, prints } = files[index]!
    if (!outputs.blocks.some(({ end, start }) => placeOf(prints, outputs.prints, [start, end], () => true) !== -1))
      break
    // A file that follows another one follows it in the stream too, so the repack began with it.
    const isFirst = number - 1 === (files[index - 1]?.number ?? 0) && outputs.files[0]!.number === row.first
    const isLast = isRepack && lostBehind === 0
    const rest = sideOf(files.slice(index), lost, before.prints.subarray(before.starts[index]))
    const places = embed(rest, outputs, {
      first: (at) => !isFirst || at === 0,
      last: (end) => !isLast || ends.has(end)
    })
    if (places === undefined) continue
    // The outputs also contain the file before these if they begin earlier, and begin where the run did.
    const begins =
      isRepack && outputs.files[0]!.number === row.first && places[0]! > 0 && places[0]! < outputs.blocks[0]!.end
    const isSpare = (n: number) => isBetween(n, rest, outputs, places) || (begins && n === number - 1)
    reading = { keep: index, takes: true, spare: lost.filter((n) => n <= lastNumber && isSpare(n)) }
  }
  return reading
}

/**
 * Returns the interpretation in which the repack was not finished: the files before contain all that it had written,
 * beginning where one of them begins.
 */
const notFinished = (before: Side, outputs: Side, row: Row<OverlapFile>, fromFile: boolean): Reading | undefined => {
  const starts = new Set(before.starts)
  const isFirst = fromFile && outputs.files[0]!.number === row.first
  const places = embed(outputs, before, { first: (at) => !isFirst || starts.has(at), last: () => true })
  if (places === undefined) return undefined
  const { number } = outputs.files[0]!
  // The file before the numbers that a repack skips exists, so nothing is missing after it.
  const endsWhole = before.files.at(-1)!.number === row.first - numbersBeforeRepack - 1
  const isInLast = endsWhole && places[0]! >= before.blocks.at(-1)!.start
  const isWhole = endsWhole && before.blocks.length === 1 && before.files[0]!.number === 1
  const isSpare = (n: number) => isWhole || (isInLast && n > number) || isBetween(n, outputs, before, places)
  return { keep: before.files.length, takes: false, spare: row.lost.filter(isSpare) }
}

/**
 * Returns places in `room` for the blocks of `wanted`, in order: each within one room, and apart if files are missing
 * between.
 */
const embed = (
  wanted: Side,
  room: Side,
  fits: { readonly first: (at: number) => boolean; readonly last: (end: number) => boolean }
): ReadonlyArray<number> | undefined => {
  const places: Array<number> = []
  let from = 0
  for (const [index, { end, numbers, start }] of wanted.blocks.entries()) {
    const missing = index === 0 ? 0 : wanted.missing(wanted.blocks[index - 1]!.numbers[1], numbers[0])
    const fitsAt = (at: number) =>
      (index > 0 || fits.first(at)) && (index < wanted.blocks.length - 1 || fits.last(at + end - start))
    let found = -1
    for (const [begin, behind] of room.rooms) {
      // Each file that is missing in between had at least one record.
      const first = begin < from ? from + missing : begin
      if (behind <= first) continue
      found = placeOf(wanted.prints.subarray(start, end), room.prints, [first, behind], fitsAt)
      if (found !== -1) break
    }
    if (found === -1) return undefined
    places.push(found)
    from = found + end - start
  }
  return places
}

/** Whether file `number` was between two blocks of `wanted`, and `room` has all records between their places. */
const isBetween = (number: number, wanted: Side, room: Side, places: ReadonlyArray<number>): boolean => {
  const next = wanted.blocks.findIndex(({ numbers }) => numbers[0] > number)
  return next > 0 && room.blocks.some(({ end, start }) => start <= places[next - 1]! && places[next]! < end)
}

/** Whether the two sides share records in a way that no interpretation explains. */
const overlaps = (before: Side, outputs: Side, isRepack: boolean): boolean => {
  if (isRepack) {
    const isInside = outputs.files.some(({ prints }) => standsIn(prints, before))
    if (isInside || before.files.some(({ prints }) => standsIn(prints, outputs))) return true
  }
  const tried = new Set<string>()
  for (const [inBefore, inOutputs] of onceInBoth(before.prints, outputs.prints)) {
    const a = before.blocks.find(({ end }) => inBefore < end)!
    const b = outputs.blocks.find(({ end }) => inOutputs < end)!
    const offset = inBefore - a.start - (inOutputs - b.start)
    const key = `${a.start} ${b.start} ${offset}`
    if (tried.has(key)) continue
    tried.add(key)
    // Records of files that are not proven may have been changed.
    const isAlike = isProved(before, a) && isProved(outputs, b) ? agree : resemble
    if (isAlike(before.prints.subarray(a.start, a.end), outputs.prints.subarray(b.start, b.end), offset)) return true
  }
  return false
}

const isProved = (side: Side, block: Block): boolean => side.files.slice(...block.files).every((file) => file.isProved)
