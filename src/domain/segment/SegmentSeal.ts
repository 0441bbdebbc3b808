/**
 * Computes what a segment needs while it is written: the file's hash, the Merkle state after it, its index. This is not
 * on the path of appends, and parses no record.
 */
import { createHash, type Hash } from "node:crypto"
import { forEachLine } from "../format/lines.ts"
import * as Merkle from "../merkle/Merkle.ts"
import { type EventKey, SegmentIndexBuilder } from "./SegmentIndex.ts"
import type { Role } from "../meta/SystemRecord.ts"

export type { EventKey } from "./SegmentIndex.ts"

/** The fields of a segment in meta that its bytes determine, and its index. */
export interface SealedSegment {
  /** Bytes of the file. */
  readonly bytes: number
  /** Bytes of its lines, decompressed. */
  readonly rawBytes: number
  readonly records: number
  /** Number of lines that stand for earlier ones; absent for none. */
  readonly same?: number
  readonly sha256: string
  readonly merkle: Merkle.State
  readonly index: Uint8Array
}

export class SegmentSeal {
  readonly #hash: Hash = createHash("sha256")
  readonly #merkle: Merkle.Accumulator
  readonly #index: SegmentIndexBuilder
  #bytes = 0
  #rawBytes = 0
  #records = 0
  #same = 0

  /** Starts a segment. `before` is the Merkle state after the segment before it. */
  constructor(role: Role, before: Merkle.State = Merkle.empty) {
    this.#merkle = new Merkle.Accumulator(before)
    this.#index = new SegmentIndexBuilder(role)
  }

  get records(): number {
    return this.#records
  }

  get rawBytes(): number {
    return this.#rawBytes
  }

  /**
   * Adds whole lines that are stored as they are. For a segment of events, `event` returns the key of the n-th of them.
   */
  add(lines: Uint8Array, event?: (n: number) => EventKey): void {
    this.addStored(lines)
    forEachLine(lines, (start, end, n) => this.addLine(lines, start, end, event?.(n)))
  }

  /** Adds the record `bytes[start, end)`, stored as it is. `leaf` is its Merkle leaf, if that is known. */
  addLine(bytes: Uint8Array, start: number, end: number, event?: EventKey, leaf?: string): void {
    if (leaf === undefined) this.#merkle.add(bytes, start, end)
    else this.#merkle.addLeafHash(leaf)
    this.#addToIndex(bytes, start, end, event)
  }

  /** Adds a record by its Merkle leaf; `line`, with its newline, is stored in its place. */
  addSame(leaf: string, line: Uint8Array): void {
    this.#merkle.addLeafHash(leaf)
    this.#addToIndex(line, 0, line.length - 1)
    this.#same++
  }

  #addToIndex(bytes: Uint8Array, start: number, end: number, event?: EventKey): void {
    this.#index.add(bytes, start, end, event)
    this.#rawBytes += end - start + 1
    this.#records++
  }

  /** Adds the next bytes of the file. */
  addStored(chunk: Uint8Array): void {
    this.#hash.update(chunk)
    this.#bytes += chunk.length
  }

  /** Ends a frame: it has the lines since the last one. Its bytes follow in `addFrame`, perhaps after later lines. */
  endFrame(): void {
    this.#index.endFrame()
  }

  /** Adds the bytes of the next frame, in order. */
  addFrame(frame: Uint8Array): void {
    this.#index.addFrameBytes(frame.length)
    this.addStored(frame)
  }

  finish(): SealedSegment {
    const sha256 = this.#hash.digest("hex")
    return {
      bytes: this.#bytes,
      rawBytes: this.#rawBytes,
      records: this.#records,
      ...(this.#same === 0 ? {} : { same: this.#same }),
      sha256,
      merkle: this.#merkle.state(),
      index: this.#index.finish(sha256)
    }
  }
}
