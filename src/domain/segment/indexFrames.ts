import { lastNotAfter } from "../base/binarySearch.ts"
import type { Header } from "./indexLayout.ts"
import { check } from "./indexLayout.ts"
import { byteOfRow, pageOfRow } from "./indexSections.ts"

/** The frames of a compressed segment as columns; without rows if it is not compressed. */
export interface FrameTable {
  readonly count: number
  /** Offset of the frame in the segment's file, in bytes. */
  readonly fileOffset: Uint32Array
  readonly fileBytes: Uint32Array
  /** Offset of its content in the decompressed segment, in bytes. */
  readonly rawOffset: Uint32Array
  readonly rawBytes: Uint32Array
  /** Bytes of the file. */
  readonly totalFileBytes: number
  /** Returns the frame that holds the raw byte at this offset, which must exist. */
  readonly frameOfRaw: (rawOffset: number) => number
}

/**
 * Reads the frames of a segment from their pages.
 *
 * @throws IndexDamaged if the frames do not make up the segment
 */
export const makeFrameTable = (header: Header, pages: ReadonlyArray<DataView>): FrameTable => {
  const { frames } = header
  const count = frames.rows
  const fileOffset = new Uint32Array(count)
  const fileBytes = new Uint32Array(count)
  const rawOffset = new Uint32Array(count)
  const rawBytes = new Uint32Array(count)
  let fileEnd = 0
  let rawEnd = 0
  for (let frame = 0; frame < count; frame++) {
    const page = pages[pageOfRow(frames, frame)]!
    const row = byteOfRow(frames, frame)
    fileOffset[frame] = page.getUint32(row, true)
    fileBytes[frame] = page.getUint32(row + 4, true)
    rawOffset[frame] = page.getUint32(row + 8, true)
    rawBytes[frame] = page.getUint32(row + 12, true)
    check(fileOffset[frame] === fileEnd && rawOffset[frame] === rawEnd, "its frames have gaps")
    check(fileBytes[frame]! > 0 && rawBytes[frame]! > 0, "a frame is empty")
    fileEnd += fileBytes[frame]!
    rawEnd += rawBytes[frame]!
  }
  check(count === 0 || rawEnd === header.rawBytes, "its frames do not cover the segment")
  return {
    count,
    fileOffset,
    fileBytes,
    rawOffset,
    rawBytes,
    totalFileBytes: fileEnd,
    frameOfRaw: (offset) => lastNotAfter(rawOffset, offset)
  }
}
