/**
 * Writes one segment of existing records (repack): as lines or as compressed frames, with repeats replaced by
 * references if wanted. Takes logical lines; stores fewer bytes.
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
  /** Whether to store repeated records as references. Events never repeat, so they are not compared. */
  readonly dedup: boolean
  /** The Merkle state after the segment before it. */
  readonly before: Merkle.State
}

type Append<E> = (chunk: Uint8Array) => Effect.Effect<void, E>

export interface SegmentWriter {
  readonly records: number
  /** Size of the lines so far; references count as they are stored. */
  readonly rawBytes: number
  /** Adds whole lines. `event` returns the key of the n-th line, if the segment holds events. Copies what it keeps. */
  readonly add: <E>(
    lines: Uint8Array,
    event: ((n: number) => EventKey) | undefined,
    append: Append<E>
  ) => Effect.Effect<void, E>
  /**
   * Returns the SHA-256 of all lines once the writer is finished. Returns `undefined` if the lines were stored
   * unchanged, so that the file's own hash covers them.
   */
  readonly rawSha256: () => string | undefined
  /** Writes the rest. The writer cannot be used afterwards. */
  readonly finish: <E>(append: Append<E>) => Effect.Effect<SealedSegment, E>
}

export const make = (options: SegmentWriterOptions): SegmentWriter => new Writer(options)

/** Number of frames that are compressed at the same time. */
const framesAtOnce = 2

class Writer implements SegmentWriter {
  readonly #codec: Codec | undefined
  readonly #rawHash: Hash | undefined
  readonly #seal: SegmentSeal
  readonly #repeats: DedupWindow | undefined
  /** Lines of the next frame, which are not stored yet. */
  #buffer = new Uint8Array(0)
  #used = 0
  /** Full buffers, in order. */
  readonly #full: Array<Uint8Array> = []
  readonly #compressing: Array<FrameJob> = []

  constructor({ before, compression, dedup, role }: SegmentWriterOptions) {
    this.#codec = compression === "none" ? undefined : compression
    this.#seal = new SegmentSeal(role, before)
    this.#repeats = dedup && role !== "events" ? new DedupWindow() : undefined
    // Hash of the lines before they are copied. It proves the copy when it is read back.
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
      // Hashing needs the processor, so other fibres get a turn.
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

  /** Ends the buffer if a line of this size does not fit any more. Must run before the line is sealed. */
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

  /** Stores full buffers until at most `pendingMax` frames are being compressed. */
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
