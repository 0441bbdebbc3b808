/**
 * What dynamic segments hold of a tape against what its files do: where files end in them, and which files stand in them
 * behind a hole, so that dynamic segments give what is lost there too.
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

/** A file that is there. */
export interface TailFile extends Printed {
  /** Ordinal of its first record, where that is certain. */
  readonly ordinal: number | undefined
  /** The same if no more is lost in front of it than what is known to be; `undefined` where nobody knows how much that is. */
  readonly presumed: number | undefined
  /** Something still says what its hash was, and it has it. */
  readonly isProved: boolean
}

/** The committed records of a tape that are in dynamic segments, in order. */
export interface Committed {
  readonly parts: ReadonlyArray<LivePart>
  readonly prints: Float64Array
  /** Ordinal of the first of them. */
  readonly ordinal: number
  /** All were committed to the tape as it is listed now, not to one that it was recovered from. */
  readonly isOwn: boolean
}

export interface Tail {
  /** How many of the files count: what those behind them hold is among the committed records, with what is lost between. */
  readonly files: number
  /** Committed records in front of this one are in these files. */
  readonly from: number
  /** One behind the last record of the files that do not count; `from` where all do. */
  readonly covered: number
  /** No record is lost between the files that count and the committed ones. */
  readonly joins: boolean
  /** Ordinals of the files that count, where they are known. */
  readonly ordinals: ReadonlyArray<number | undefined>
}

/** Reads what is committed under any of `ids`; the last of them is that of the tape as it is listed now. */
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
    // Counted from the last: ordinals of parts from before a recovery may be those of another tape.
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
 * What to append behind the files, and behind which of them. Where it is certain at which ordinal a file begins, that
 * tells where it ends among the committed records; else the records do. `ambiguous`: neither does. `changed`: a file that
 * does not hold what was committed there, though it looks good, and nothing proves that it is.
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
    // Committed records go on to the end of the tape: what is behind a file that is among them is so too.
    const isOut = begin === undefined && blocks.some((one) => one.end <= block.end && known.isAmong(one))
    const isNowhere = begin === undefined && !known.mayBeBefore(block)
    if (begin === "ambiguous" || isOut || isNowhere) return { ambiguous: files[block.files[1] - 1]! }
    if (begin === undefined) break
    begins.set(block, begin)
    limit = Math.min(limit, begin.at)
  }
  return cut(files, blocks, begins, committed)
}

/** Where a block begins among the committed records: before them where `at` is negative. */
interface Begin {
  readonly at: number
  /** Else it is only what agrees best. */
  readonly isCertain: boolean
}

/** Files count up to the first hole that committed records fill. */
const cut = (
  files: ReadonlyArray<Printed>,
  blocks: ReadonlyArray<Block>,
  begins: ReadonlyMap<Block, Begin>,
  { ordinal }: Committed
): Tail => {
  const ordinals: Array<number | undefined> = []
  // Before the first file: as many records as there are before the committed ones.
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

/** What tells where blocks begin. */
class BlockStarts {
  readonly #files: ReadonlyArray<TailFile>
  readonly #committed: Committed
  readonly #role: Role
  readonly #all: Float64Array
  /** From the last on. */
  readonly #once: ReadonlyArray<readonly [inFiles: number, inCommitted: number]>

  constructor(files: ReadonlyArray<TailFile>, committed: Committed, role: Role) {
    this.#files = files
    this.#committed = committed
    this.#role = role
    this.#all = joined(files)
    this.#once = onceInBoth(this.#all, committed.prints).toReversed()
  }

  /**
   * Where the last block begins. It may go on behind the committed records: then what was committed last is lost, or older
   * files of the lib were put back.
   */
  endOf(block: Block): Begin | undefined | "ambiguous" {
    const limit = this.#committed.prints.length
    const ahead = this.#ahead(block, limit)
    return ahead === undefined ? this.beginOf(block, limit) : ahead
  }

  /** Whether all of a block may stand before the committed records, by the number of records that there are. */
  mayBeBefore({ end }: Block): boolean {
    return !this.#committed.isOwn || end <= this.#committed.ordinal
  }

  /** As `beginOf`, of a block that ends behind the limit; `undefined` where nothing says that it does. */
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
    // It is ahead, or a few records were appended twice.
    return told.length > 0 && this.#byRecords(block, limit) === undefined ? "ambiguous" : undefined
  }

  /** Where a block begins that ends at `limit` or before. `undefined`: somewhere before, and nobody knows where. */
  beginOf(block: Block, limit: number): Begin | undefined | "ambiguous" {
    const length = block.end - block.start
    const ordinal = this.#byOrdinal(block, "ordinal", limit)
    if (ordinal !== undefined && this.#committed.isOwn) return { at: ordinal, isCertain: true }
    // Where a file that is proved must be, others were committed: one of the two is not what it says.
    if (this.#differing(block, this.#certain(block), limit).length > 0) return "ambiguous"
    const told = this.#byRecords(block, limit)
    const presumed = this.#byOrdinal(block, "presumed", limit)
    if (told !== undefined) {
      // Nothing is lost, and a few records were appended twice; or as many are lost as are there twice.
      const isDoubtful = presumed !== undefined && presumed >= -length && presumed !== told
      if (isDoubtful && this.#committed.isOwn && this.#role === "records") return "ambiguous"
      return { at: told, isCertain: true }
    }
    // Where fewer records are known of than ordinals say, nobody knows where those are lost.
    if (presumed === -length) return undefined
    if (presumed !== undefined && presumed > -length) return { at: presumed, isCertain: false }
    if (this.#isLikeChanged(block, limit)) return "ambiguous"
    const repeated = this.#longest(block, limit)
    if (repeated === undefined) return undefined
    // What was committed before a recovery went into a file then.
    return this.#committed.isOwn ? "ambiguous" : { at: repeated, isCertain: false }
  }

  /**
   * Index of a file of the block in which a record is not the one that was committed: these have a checksum. Only where it
   * is certain which was: records that are nearly alike are ordinary.
   */
  changedIn(block: Block, limit: number): number | undefined {
    const differing = this.#differing(block, this.#certain(block), limit)
    return differing.some((index) => this.#files[index]!.isProved) ? undefined : differing[0]
  }

  /** Whether a block may be committed records with some of them changed: nothing proves that those are as they were. */
  #isLikeChanged(block: Block, limit: number): boolean {
    const prints = this.#all.subarray(block.start, block.end)
    return this.#suggested(block).some((begin) => {
      if (!resemble(prints, this.#committed.prints, -begin)) return false
      const differing = this.#differing(block, begin, limit)
      return differing.length > 0 && !differing.some((index) => this.#files[index]!.isProved)
    })
  }

  /** Where ordinals say for certain that a block begins. */
  #certain(block: Block): number | undefined {
    const ordinal = this.#committed.isOwn ? this.#files[block.files[0]]!.ordinal : undefined
    return ordinal === undefined ? undefined : ordinal - this.#committed.ordinal
  }

  /** Where a block would begin by each record that stands once in the files and once among the committed ones. */
  #suggested({ end, start }: Block): Array<number> {
    const inside = this.#once.filter(([inFiles]) => inFiles >= start && inFiles < end)
    return [...new Set(inside.map(([inFiles, inCommitted]) => inCommitted - (inFiles - start)))]
  }

  /** Indices of files of a block that have other records than were committed, if it begins there. */
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

  /** Whether some of a block are committed records, by records that are nowhere else. */
  isAmong(block: Block): boolean {
    return this.#suggested(block).some((begin) => this.#agrees(block, begin))
  }

  /** As ordinals have it, where records do not contradict. */
  #byOrdinal(block: Block, which: "ordinal" | "presumed", limit: number): number | undefined {
    const ordinal = this.#files[block.files[0]]![which]
    if (ordinal === undefined) return undefined
    const begin = ordinal - this.#committed.ordinal
    const end = begin + block.end - block.start
    return end <= limit && (end <= 0 || this.#agrees(block, begin)) ? begin : undefined
  }

  /** As records have it that stand once in the files and once among the committed ones. */
  #byRecords(block: Block, limit: number): number | undefined {
    const length = block.end - block.start
    return this.#suggested(block).find((begin) => begin + length <= limit && this.#agrees(block, begin))
  }

  /** So that as many as can be stand in both. */
  #longest(block: Block, limit: number): number | undefined {
    const length = block.end - block.start
    for (let end = limit; end > 0; end--) if (this.#agrees(block, end - length)) return end - length
    return undefined
  }

  #agrees({ end, start }: Block, begin: number): boolean {
    return agree(this.#all.subarray(start, end), this.#committed.prints, -begin)
  }
}
