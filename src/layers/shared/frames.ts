/**
 * Frames on the socket between a writer and the processes that append through it: four bytes, little-endian, with the
 * number of bytes that follow, then a text in UTF-8.
 */
import { Buffer, isUtf8 } from "node:buffer"

const headBytes = 4

/** Bytes of a frame before both ends know each other, at most. */
export const greetingBytesMax = 4096

/** Returns the frame of a text. */
export const frameOf = (text: string): Buffer => {
  const bytes = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(headBytes + bytes)
  frame.writeUInt32LE(bytes, 0)
  frame.write(text, headBytes, "utf8")
  return frame
}

/** Puts frames together from pieces of any size. */
export class FrameReader {
  /** Bytes of the largest frame that is accepted. */
  bytesMax = greetingBytesMax
  #pieces: Array<Buffer> = []
  #bytes = 0
  /** Bytes that are needed before anything can be read. */
  #needed = headBytes

  /**
   * Returns the texts of the frames that are complete; `undefined` if the next one is too large, empty or not UTF-8. Nothing
   * after it can be understood then. Keeps no more than `bytesMax` and one piece.
   */
  push(piece: Buffer): ReadonlyArray<string> | undefined {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    if (this.#bytes < this.#needed) return []
    const all = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces)
    const texts: Array<string> = []
    let at = 0
    this.#needed = headBytes
    while (all.length - at >= headBytes) {
      const bytes = all.readUInt32LE(at)
      if (bytes === 0 || bytes > this.bytesMax) return undefined
      this.#needed = headBytes + bytes
      if (all.length - at < this.#needed) break
      const body = all.subarray(at + headBytes, at + this.#needed)
      if (!isUtf8(body)) return undefined
      texts.push(body.toString("utf8"))
      at += this.#needed
      this.#needed = headBytes
    }
    this.#pieces = at === all.length ? [] : [all.subarray(at)]
    this.#bytes = all.length - at
    return texts
  }
}
