/**
 * The room that a dynamic segment in a folder has after its last batch (decision 0027). It depends on the batches alone,
 * so a file that has less of it was cut off, even if the cut is exactly at the end of a batch.
 */
import type { FoundBatch } from "./DynamicSegment.ts"

/** Bytes of room that are taken at a time, at most. */
const roomBytesMax = 256 * 1024

/** Bytes of the longest batch that takes room: the sync of a longer one takes time in any case. */
const roomyBatchMax = 16 * 1024

const sectorBytes = 512

/**
 * Returns the size that a file has once a batch of `bytes` bytes is written at `end`, if it had `size` bytes before. A
 * small batch that makes the file grow adds as much room as the file already has, so that room never costs more than a
 * small multiple of what the batches cost.
 */
export const sizeAfter = (size: number, end: number, bytes: number): number => {
  const needed = end + bytes
  if (needed <= size || bytes > Math.min(roomyBatchMax, end)) return Math.max(size, needed)
  return Math.ceil((needed + Math.min(roomBytesMax, end)) / sectorBytes) * sectorBytes
}

/** Returns the least size that a file with these batches can have. The first of them may have come with the header. */
export const sizeWith = (batches: ReadonlyArray<Pick<FoundBatch, "offset" | "end">>): number => {
  let size = batches[0]?.end ?? 0
  for (const { end, offset } of batches.slice(1)) size = sizeAfter(size, offset, end - offset)
  return size
}
