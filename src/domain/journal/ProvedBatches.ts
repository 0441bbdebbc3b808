/** Finds the batches of a dynamic segment that is damaged, or whose lib meta is lost: those that their own marks prove. */
import { newline } from "../format/Format.ts"
import type { Anchor } from "../meta/SystemRecord.ts"
import {
  contentBytesOf,
  findMark,
  type FoundBatch,
  headerBytes,
  linesBefore,
  readBatch,
  readMark
} from "./DynamicSegment.ts"

/** Returns what the first batch of a file follows, by its own account, for files whose lib meta is lost. */
export const startOf = (file: Uint8Array): Pick<Anchor, "batch" | "hash"> | undefined => {
  const bytes = file.subarray(0, contentBytesOf(file))
  const good = headerBytes(bytes)
  const found = good === 0 || good >= bytes.length ? "no batch" : readBatch(bytes, good)
  return typeof found === "string" ? undefined : { batch: found.mark.batch - 1, hash: found.mark.previous }
}

/**
 * Returns the batches from `from` on that their own marks prove, for files with damage: what is between them is lost.
 * The chain of batches is not checked.
 */
export const provedAfter = (file: Uint8Array, from: number): ReadonlyArray<FoundBatch> => {
  const bytes = file.subarray(0, contentBytesOf(file))
  const batches: Array<FoundBatch> = []
  for (let at = from; at < bytes.length;) {
    const found = readBatch(bytes, at)
    const next = typeof found === "string" ? nextProved(bytes, at) : found.found
    if (next === undefined) break
    batches.push(next)
    at = next.end
  }
  return batches
}

/** Returns the first batch that begins after `offset` and that its mark proves. */
const nextProved = (bytes: Uint8Array, offset: number): FoundBatch | undefined => {
  let markAt = findMark(bytes, Math.max(1, offset))
  while (markAt !== -1) {
    const end = bytes.indexOf(newline, markAt)
    const mark = end === -1 ? undefined : readMark(bytes.subarray(markAt, end))
    if (mark !== undefined) {
      const lines = mark.parts.reduce((sum, part) => sum + part[2], 0)
      const start = linesBefore(bytes, markAt, lines)
      const found = start < offset ? "it begins in the damage" : readBatch(bytes, start)
      if (typeof found !== "string") return found.found
    }
    markAt = end === -1 ? -1 : findMark(bytes, end + 1)
  }
  return undefined
}
