/** Determines where blocks of files begin among the committed records of a tape. */
import type { Role } from "../../../domain/meta/SystemRecord.ts"
import { agree, type Block, differenceOf, joined, onceInBoth, type Printed, resemble, startsOf } from "./Blocks.ts"
import type { Committed } from "./Committed.ts"

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

/** Place among the committed records at which a block begins; negative if it begins before them. */
export interface Begin {
  readonly at: number
  /** Otherwise it is only the best match. */
  readonly isCertain: boolean
}

/** Determines where blocks begin, from ordinals and records. */
export class BlockStarts {
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
