/**
 * Compares the dynamic segments' records of a tape with its files: finds where the files end among these records, and
 * which files follow a gap that the dynamic segments fill.
 */
import type { Role } from "../../../domain/meta/SystemRecord.ts"
import { type Block, blocksOf, type Printed } from "./Blocks.ts"
import { type Begin, BlockStarts, type TailFile } from "./BlockStarts.ts"
import type { Committed } from "./Committed.ts"

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
