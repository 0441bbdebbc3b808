/**
 * Writing one segment of records that are there already (repack): as lines, or compressed in frames, and without
 * repeats where that is wanted. What is given are the logical lines; what is stored is smaller.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { createHash, type Hash } from "node:crypto"
import { type Codec, frameBytesMax } from "../../domain/segment/Frames.ts"
import * as Merkle from "../../domain/merkle/Merkle.ts"
import type { Compression } from "../../domain/format/Names.ts"
import { encodeSame, sameLineBytesMin } from "../../domain/segment/SameLine.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"
import { type FrameJob, startCompress } from "./FrameCodec.ts"
import { DedupWindow } from "./DedupWindow.ts"
import { type EventKey, type SealedSegment, SegmentSeal } from "../../domain/segment/SegmentSeal.ts"
import { forEachLine } from "../../domain/format/lines.ts"

export interface SegmentWriterOptions {
  readonly role: Role
  readonly compression: Compression
  /** Stores records that the segment has already as references. Events never repeat: theirs are not looked at. */
  readonly dedup: boolean
  /** The Merkle state behind the segment in front of it. */
  readonly before: Merkle.State
}

type Append<E> = (chunk: Uint8Array) => Effect.Effect<void, E>

export interface SegmentWriter {
  readonly records: number
  /** Size of the lines so far, repeats left out. */
  readonly rawBytes: number
  /** Adds whole lines; `event` says what the n-th of them is, where the segment holds events. Copied where it is kept. */
  readonly add: <E>(
    lines: Uint8Array,
    event: ((n: number) => EventKey) | undefined,
    append: Append<E>
  ) => Effect.Effect<void, E>
  /**
   * SHA-256 of the lines that were added, once the writer is used up; `undefined` where the file's own says it, since they
   * were stored as they were.
   */
  readonly rawSha256: () => string | undefined
  /** Writes what is left. The writer is used up. */
  readonly finish: <E>(append: Append<E>) => Effect.Effect<SealedSegment, E>
}

export const make = (options: SegmentWriterOptions): SegmentWriter => new Writer(options)

/** Frames that are compressed at the same time. */
const framesAtOnce = 2

class Writer implements SegmentWriter {
  readonly #codec: Codec | undefined
  readonly #rawHash: Hash | undefined
  readonly #seal: SegmentSeal
  readonly #repeats: DedupWindow | undefined
  /** Lines that are not stored yet: those of the next frame. */
  #buffer = new Uint8Array(0)
  #used = 0
  /** Full buffers, in order. */
  readonly #full: Array<Uint8Array> = []
  readonly #compressing: Array<FrameJob> = []

  constructor({ before, compression, dedup, role }: SegmentWriterOptions) {
    this.#codec = compression === "none" ? undefined : compression
    this.#seal = new SegmentSeal(role, before)
    this.#repeats = dedup && role !== "events" ? new DedupWindow() : undefined
    // Of what is copied from here on; the copy is proved by it when it is read back.
    this.#rawHash = this.#codec === undefined && this.#repeats === undefined ? undefined : createHash("sha256")
  }

  get records(): number {
    return this.#seal.records
  }

  get rawBytes(): number {
    return this.#seal.rawBytes
  }

  rawSha256(): string | undefined {
    return this.#rawHash?.digest("hex")
  }

  add<E>(lines: Uint8Array, event: ((n: number) => EventKey) | undefined, append: Append<E>): Effect.Effect<void, E> {
    return Effect.suspend(() => {
      if (this.#codec === undefined && this.#repeats === undefined) {
        this.#seal.add(lines, event)
        return Effect.andThen(append(lines), Effect.yieldNow)
      }
      this.#rawHash?.update(lines)
      forEachLine(lines, (start, end, n) => this.#addLine(lines, start, end, event?.(n)))
      // Hashing is work for the processor: other fibres come first.
      return Effect.andThen(this.#store(append, framesAtOnce), Effect.yieldNow)
    })
  }

  finish<E>(append: Append<E>): Effect.Effect<SealedSegment, E> {
    return Effect.suspend(() => {
      this.#endBuffer()
      return Effect.map(this.#store(append, 0), () => this.#seal.finish())
    })
  }

  #addLine(lines: Uint8Array, start: number, end: number, event: EventKey | undefined): void {
    const repeats = this.#repeats
    if (repeats === undefined || end + 1 - start <= sameLineBytesMin) return this.#addRecord(lines, start, end, event)
    const leaf = Merkle.leafHash(lines, start, end)
    const earlier = repeats.find(leaf)
    if (earlier !== undefined) {
      const same = encodeSame(earlier)
      if (same.length < end + 1 - start) {
        this.#makeRoom(same.length)
        this.#seal.addSame(leaf, same)
        this.#keep(same)
        return
      }
    } else {
      repeats.add(leaf, this.#seal.records)
    }
    this.#addRecord(lines, start, end, event, leaf)
  }

  #addRecord(lines: Uint8Array, start: number, end: number, event?: EventKey, leaf?: string): void {
    this.#makeRoom(end + 1 - start)
    this.#seal.addLine(lines, start, end, event, leaf)
    this.#keep(lines.subarray(start, end + 1))
  }

  /** Ends the buffer where a line of so many bytes does not fit any more: it must, before the line is sealed. */
  #makeRoom(bytes: number): void {
    if (this.#used > 0 && this.#used + bytes > frameBytesMax) this.#endBuffer()
    if (this.#used === 0 && this.#buffer.length < bytes) this.#buffer = new Uint8Array(Math.max(frameBytesMax, bytes))
  }

  #keep(line: Uint8Array): void {
    this.#buffer.set(line, this.#used)
    this.#used += line.length
  }

  #endBuffer(): void {
    if (this.#used === 0) return
    this.#full.push(this.#buffer.subarray(0, this.#used))
    if (this.#codec !== undefined) this.#seal.endFrame()
    this.#buffer = new Uint8Array(0)
    this.#used = 0
  }

  /** Stores full buffers until no more than `pendingMax` frames are being compressed. */
  #store<E>(append: Append<E>, pendingMax: number): Effect.Effect<void, E> {
    const codec = this.#codec
    if (codec !== undefined) {
      for (const raw of this.#full.splice(0)) this.#compressing.push(startCompress(codec, raw))
      return Effect.whileLoop({
        while: () => this.#compressing.length > pendingMax,
        body: () =>
          Effect.flatMap(Deferred.await(this.#compressing[0]!), (frame) => {
            this.#compressing.shift()
            this.#seal.addFrame(frame)
            return append(frame)
          }),
        step: () => undefined
      })
    }
    return Effect.forEach(
      this.#full.splice(0),
      (lines) => {
        this.#seal.addStored(lines)
        return append(lines)
      },
      { discard: true }
    )
  }
}
