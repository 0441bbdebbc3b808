/**
 * Compares the dynamic segments' records of a tape with its files: finds where the files end among these records, and
 * which files follow a gap that the dynamic segments fill.
 */
import * as Effect from "effect/Effect"
import type { SegmentCorrupt } from "../../../domain/format/Errors.ts"
import { forEachLine } from "../../../domain/format/lines.ts"
import type { Role } from "../../../domain/meta/SystemRecord.ts"
import type { StorageError } from "../../ports/Storage.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { LivePart } from "../../journal/DynamicFile.ts"
import { readRun, runsOf } from "../../journal/PartRuns.ts"
import { printOf, Prints } from "../../segment/SegmentScan.ts"
import {
  agree,
  type Block,
  blocksOf,
  differenceOf,
  joined,
  onceInBoth,
  type Printed,
  resemble,
  startsOf
} from "./Blocks.ts"

/** A file that exists. */
export interface TailFile extends Printed {
  /** Ordinal of its first record, if it is certain. */
  readonly ordinal: number | undefined
  /**
   * Ordinal of its first record if no more is lost before it than is known; `undefined` if the size of a loss is not
   * known.
   */
  readonly presumed: number | undefined
  /** Whether its recorded hash was found, and matches. */
  readonly isProved: boolean
}

/** The committed records of a tape that are in dynamic segments, in order. */
export interface Committed {
  readonly parts: ReadonlyArray<LivePart>
  readonly prints: Float64Array
  /** Ordinal of the first of them. */
  readonly ordinal: number
  /** Whether all were committed to the tape as it is listed now, and none to a tape that it replaced. */
  readonly isOwn: boolean
}

/** End of the tape: the files that count, and the committed records to append. */
export interface Tail {
  /**
   * Number of files that count. The committed records contain all later ones, and the records that are lost between.
   */
  readonly files: number
  /** Index of the first committed record that is not in these files. */
  readonly from: number
  /** Index after the last record of the files that do not count; `from` if all files count. */
  readonly covered: number
  /** Whether no record is lost between the files that count and the committed records. */
  readonly joins: boolean
  /** Ordinals of the files that count, if they are known. */
  readonly ordinals: ReadonlyArray<number | undefined>
}

/**
 * Reads the records that were committed under any of `ids`, of which the last is the id of the tape as it is listed
 * now.
 */
export const committedOf = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: string,
  ids: ReadonlyArray<string>
): Effect.fn.Return<Committed | undefined, StorageError | SegmentCorrupt> {
  const own = ids.at(-1)
  const parts = lib.journal.files
    .flatMap((file) => ids.flatMap((id) => (file.parts.get(id) ?? []).map((part) => ({ id, part }))))
    .toSorted((a, b) => a.part.batch - b.part.batch)
  const last = parts.at(-1)
  if (last === undefined) return undefined
  const prints = yield* printsOf(
    lib,
    tape,
    parts.map(({ part }) => part)
  )
  return {
    parts: parts.map(({ part }) => part),
    prints,
    // Counted from the end, because parts from before a recovery may have the ordinals of another tape.
    ordinal: Math.max(0, last.part.firstOrdinal + last.part.count - prints.length),
    isOwn: parts.every(({ id }) => id === own)
  }
})

const printsOf = Effect.fnUntraced(function* (lib: LibHandle, tape: string, parts: ReadonlyArray<LivePart>) {
  const prints = new Prints()
  for (const run of runsOf(parts, 1024 * 1024)) {
    for (const lines of yield* readRun(lib.root, tape, run)) {
      forEachLine(lines, (start, end) => prints.add(printOf(lines.subarray(start, end))))
    }
    yield* Effect.yieldNow
  }
  return prints.all()
})

/**
 * Decides which committed records to append, and after which file. If a file's ordinal is certain, it gives the file's
 * end among the committed records; otherwise the records do. Returns `ambiguous` if neither does. Returns `changed` for
 * a file whose records differ from the committed ones, although it looks good, and nothing proves it.
 */
export const tailBehind = <F extends TailFile>(
  files: ReadonlyArray<F>,
  committed: Committed,
  role: Role
): Tail | { readonly ambiguous: F } | { readonly changed: F } => {
  const blocks = blocksOf(files)
  const begins = new Map<Block, Begin>()
  const known = new BlockStarts(files, committed, role)
  let limit = committed.prints.length
  for (const block of blocks.toReversed()) {
    const changed = known.changedIn(block, limit)
    if (changed !== undefined) return { changed: files[changed]! }
    const begin = begins.size === 0 ? known.endOf(block) : known.beginOf(block, limit)
    // The committed records reach to the end of the tape. So if a file lies among them, all later files do too.
    const isOut = begin === undefined && blocks.some((one) => one.end <= block.end && known.isAmong(one))
    const isNowhere = begin === undefined && !known.mayBeBefore(block)
    if (begin === "ambiguous" || isOut || isNowhere) return { ambiguous: files[block.files[1] - 1]! }
    if (begin === undefined) break
    begins.set(block, begin)
    limit = Math.min(limit, begin.at)
  }
  return cut(files, blocks, begins, committed)
}

/** Place among the committed records at which a block begins; negative if it begins before them. */
interface Begin {
  readonly at: number
  /** Otherwise it is only the best match. */
  readonly isCertain: boolean
}

/** Counts files up to the first gap that committed records fill. */
const cut = (
  files: ReadonlyArray<Printed>,
  blocks: ReadonlyArray<Block>,
  begins: ReadonlyMap<Block, Begin>,
  { ordinal }: Committed
): Tail => {
  const ordinals: Array<number | undefined> = []
  // Before the first file there are as many records as before the committed ones.
  let end: number | undefined = -ordinal
  let joins = ordinal === 0
  for (const block of blocks) {
    const begin = begins.get(block)
    const from = Math.max(0, end ?? 0)
    if (begin !== undefined && begin.at > from) {
      const last = blocks.at(-1)!
      return { files: block.files[0], from, covered: begins.get(last)!.at + last.end - last.start, joins, ordinals }
    }
    end = begin === undefined ? undefined : begin.at + block.end - block.start
    joins = end !== undefined && end >= 0 && begin!.isCertain
    let next = begin?.isCertain === true ? ordinal + begin.at : undefined
    for (const { prints } of files.slice(...block.files)) {
      ordinals.push(next)
      if (next !== undefined) next += prints.length
    }
  }
  const from = Math.max(0, end ?? 0)
  return { files: files.length, from, covered: from, joins, ordinals }
}

/** Determines where blocks begin, from ordinals and records. */
class BlockStarts {
  readonly #files: ReadonlyArray<TailFile>
  readonly #committed: Committed
  readonly #role: Role
  readonly #all: Float64Array
  /** In reverse order. */
  readonly #once: ReadonlyArray<readonly [inFiles: number, inCommitted: number]>

  constructor(files: ReadonlyArray<TailFile>, committed: Committed, role: Role) {
    this.#files = files
    this.#committed = committed
    this.#role = role
    this.#all = joined(files)
    this.#once = onceInBoth(this.#all, committed.prints).toReversed()
  }

  /**
   * Returns where the last block begins. It may extend beyond the committed records: then the last commits are lost, or
   * older files of the lib were restored.
   */
  endOf(block: Block): Begin | undefined | "ambiguous" {
    const limit = this.#committed.prints.length
    const ahead = this.#ahead(block, limit)
    return ahead === undefined ? this.beginOf(block, limit) : ahead
  }

  /** Whether a whole block fits before the committed records, by the number of records. */
  mayBeBefore({ end }: Block): boolean {
    return !this.#committed.isOwn || end <= this.#committed.ordinal
  }

  /** Like `beginOf`, for a block that ends after the limit. Returns `undefined` if nothing shows that it does. */
  #ahead(block: Block, limit: number): Begin | undefined | "ambiguous" {
    const isAhead = (begin: number) => begin + block.end - block.start > limit
    const fits = (begin: number) => begin < limit && this.#agrees(block, begin)
    const certain = this.#certain(block)
    if (certain !== undefined) {
      if (!isAhead(certain)) return undefined
      return fits(certain) ? { at: certain, isCertain: true } : "ambiguous"
    }
    const told = this.#suggested(block).filter((begin) => isAhead(begin) && fits(begin))
    const { presumed } = this.#files[block.files[0]]!
    if (presumed !== undefined && this.#committed.isOwn) {
      const begin = presumed - this.#committed.ordinal
      if (told.includes(begin)) return { at: begin, isCertain: true }
      if (isAhead(begin)) return "ambiguous"
    }
    // Either it extends beyond, or a few records were appended twice.
    return told.length > 0 && this.#byRecords(block, limit) === undefined ? "ambiguous" : undefined
  }

  /**
   * Returns where a block begins that ends at `limit` or before. `undefined`: somewhere before, at an unknown place.
   */
  beginOf(block: Block, limit: number): Begin | undefined | "ambiguous" {
    const length = block.end - block.start
    const ordinal = this.#byOrdinal(block, "ordinal", limit)
    if (ordinal !== undefined && this.#committed.isOwn) return { at: ordinal, isCertain: true }
    // Other records were committed at the place of a proven file, so one of the two is wrong.
    if (this.#differing(block, this.#certain(block), limit).length > 0) return "ambiguous"
    const told = this.#byRecords(block, limit)
    const presumed = this.#byOrdinal(block, "presumed", limit)
    if (told !== undefined) {
      // Either nothing is lost and a few records were appended twice, or as many records are lost as were appended
      // twice.
      const isDoubtful = presumed !== undefined && presumed >= -length && presumed !== told
      if (isDoubtful && this.#committed.isOwn && this.#role === "records") return "ambiguous"
      return { at: told, isCertain: true }
    }
    // If fewer records are known than ordinals require, the place of the missing ones is unknown.
    if (presumed === -length) return undefined
    if (presumed !== undefined && presumed > -length) return { at: presumed, isCertain: false }
    if (this.#isLikeChanged(block, limit)) return "ambiguous"
    const repeated = this.#longest(block, limit)
    if (repeated === undefined) return undefined
    // Records that were committed before a recovery were put into a file by that recovery.
    return this.#committed.isOwn ? "ambiguous" : { at: repeated, isCertain: false }
  }

  /**
   * Returns the index of a file of the block that has other records than were committed; the committed ones have a
   * checksum. Compares only at a place that is certain, because similar records are common.
   */
  changedIn(block: Block, limit: number): number | undefined {
    const differing = this.#differing(block, this.#certain(block), limit)
    return differing.some((index) => this.#files[index]!.isProved) ? undefined : differing[0]
  }

  /** Whether a block may be committed records of which some were changed, and no file of it is proven. */
  #isLikeChanged(block: Block, limit: number): boolean {
    const prints = this.#all.subarray(block.start, block.end)
    return this.#suggested(block).some((begin) => {
      if (!resemble(prints, this.#committed.prints, -begin)) return false
      const differing = this.#differing(block, begin, limit)
      return differing.length > 0 && !differing.some((index) => this.#files[index]!.isProved)
    })
  }

  /** Returns where a block begins if ordinals make that certain. */
  #certain(block: Block): number | undefined {
    const ordinal = this.#committed.isOwn ? this.#files[block.files[0]]!.ordinal : undefined
    return ordinal === undefined ? undefined : ordinal - this.#committed.ordinal
  }

  /**
   * Returns where a block would begin according to each record that occurs once in the files and once among the
   * committed ones.
   */
  #suggested({ end, start }: Block): Array<number> {
    const inside = this.#once.filter(([inFiles]) => inFiles >= start && inFiles < end)
    return [...new Set(inside.map(([inFiles, inCommitted]) => inCommitted - (inFiles - start)))]
  }

  /**
   * Returns indices of the block's files whose records differ from the committed ones, if the block begins at `begin`.
   */
  #differing({ end, files, start }: Block, begin: number | undefined, limit: number): Array<number> {
    if (begin === undefined || begin + end - start > limit) return []
    const prints = this.#all.subarray(start, end)
    const own = this.#files.slice(...files)
    const starts = startsOf(own)
    const differing: Array<number> = []
    for (const [index, first] of starts.entries()) {
      const difference = differenceOf(prints, this.#committed.prints, -begin, first)
      if (difference !== -1 && difference < first + own[index]!.prints.length) differing.push(files[0] + index)
    }
    return differing
  }

  /** Whether part of a block is among the committed records, judged by records that occur only once. */
  isAmong(block: Block): boolean {
    return this.#suggested(block).some((begin) => this.#agrees(block, begin))
  }

  /** Returns the begin according to ordinals, unless the records contradict it. */
  #byOrdinal(block: Block, which: "ordinal" | "presumed", limit: number): number | undefined {
    const ordinal = this.#files[block.files[0]]![which]
    if (ordinal === undefined) return undefined
    const begin = ordinal - this.#committed.ordinal
    const end = begin + block.end - block.start
    return end <= limit && (end <= 0 || this.#agrees(block, begin)) ? begin : undefined
  }

  /** Returns the begin according to records that occur once in the files and once among the committed ones. */
  #byRecords(block: Block, limit: number): number | undefined {
    const length = block.end - block.start
    return this.#suggested(block).find((begin) => begin + length <= limit && this.#agrees(block, begin))
  }

  /** Returns the begin with the longest overlap. */
  #longest(block: Block, limit: number): number | undefined {
    const length = block.end - block.start
    for (let end = limit; end > 0; end--) if (this.#agrees(block, end - length)) return end - length
    return undefined
  }

  #agrees({ end, start }: Block, begin: number): boolean {
    return agree(this.#all.subarray(start, end), this.#committed.prints, -begin)
  }
}
