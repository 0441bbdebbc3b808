/**
 * The event tapes of a copy while it is written: lines are collected for each tape and written as segments, so that
 * memory does not grow with the lib.
 */
import * as Effect from "effect/Effect"
import { TapeNotForEvents } from "../../../domain/event/EventErrors.ts"
import type { MetaInvalid } from "../../../domain/format/Errors.ts"
import type { Limits } from "../../../domain/format/Limits.ts"
import { type Placement, tapeOf } from "../../../domain/format/Placement.ts"
import type { Segment } from "../../../domain/meta/SystemRecord.ts"
import type { EventKey } from "../../../domain/segment/SegmentIndex.ts"
import type { Root, StorageError } from "../../ports/Storage.ts"
import { writeNextSegment } from "../../segment/NextSegment.ts"
import type { SegmentStore } from "../../segment/SegmentStore.ts"
import type { EventLine } from "./CopySource.ts"

/** Number of tapes that are written at the same time: their syncs wait for the device together. */
export const tapesAtOnce = 8

/** Bytes of a segment that are written at once. */
const pieceBytes = 512 * 1024

/** Place of a copy. */
export interface Target {
  readonly root: Root
  readonly limits: Limits
  readonly placement: Placement
  readonly segments: SegmentStore
  /** Bytes of lines that are in memory before some of them are written as segments. */
  readonly heldBytesMax: number
  /** Makes the folder of a tape. Fails if lib meta has no room for it. */
  readonly makeTape: (name: string) => Effect.Effect<void, StorageError | MetaInvalid>
}

/** An event tape of the copy. */
export class CopiedTape {
  readonly name: string
  readonly segments: Array<Segment> = []
  readonly keys: Array<EventKey> = []
  #memory = new Uint8Array(1024)
  #bytes = 0

  constructor(name: string) {
    this.name = name
  }

  /** Bytes of its lines in memory. */
  get bytes(): number {
    return this.#bytes
  }

  get lines(): Uint8Array {
    return this.#memory.subarray(0, this.#bytes)
  }

  add({ bytes, key }: EventLine): void {
    if (this.#bytes + bytes.length > this.#memory.length) {
      const longer = new Uint8Array(Math.max(2 * this.#memory.length, this.#bytes + bytes.length))
      longer.set(this.lines)
      this.#memory = longer
    }
    this.#memory.set(bytes, this.#bytes)
    this.#bytes += bytes.length
    this.keys.push(key)
  }

  clear(): void {
    this.#memory = new Uint8Array(1024)
    this.#bytes = 0
    this.keys.length = 0
  }
}

type WriteError = StorageError | MetaInvalid

export class CopiedTapes {
  readonly #target: Target
  /** Names that tapes of records have. */
  readonly #taken: ReadonlySet<string>
  readonly #tapes = new Map<string, CopiedTape>()
  #held = 0

  constructor(target: Target, taken: ReadonlySet<string>) {
    this.#target = target
    this.#taken = taken
  }

  get all(): Iterable<CopiedTape> {
    return this.#tapes.values()
  }

  /** Puts events on their tapes. */
  add(lines: ReadonlyArray<EventLine>): Effect.Effect<void, WriteError | TapeNotForEvents> {
    return Effect.suspend((): Effect.Effect<void, WriteError | TapeNotForEvents> => {
      for (const line of lines) {
        const name = tapeOf(this.#target.placement, line.key.stream)
        if (this.#taken.has(name)) return Effect.fail(new TapeNotForEvents({ tape: name, stream: line.key.stream }))
        let tape = this.#tapes.get(name)
        if (tape === undefined) {
          tape = new CopiedTape(name)
          this.#tapes.set(name, tape)
        }
        tape.add(line)
        this.#held += line.bytes.length
      }
      const { heldBytesMax } = this.#target
      return this.#held < heldBytesMax ? Effect.void : this.#writeLargest(heldBytesMax / 2)
    })
  }

  /** Writes everything that is still in memory. */
  readonly finish: Effect.Effect<void, WriteError> = Effect.suspend(() => this.#writeLargest(0))

  /** Writes the tapes with the most bytes, until at most `keep` bytes are in memory. */
  #writeLargest(keep: number): Effect.Effect<void, WriteError> {
    return Effect.suspend(() => {
      const due: Array<CopiedTape> = []
      for (const tape of [...this.#tapes.values()].toSorted((a, b) => b.bytes - a.bytes)) {
        if (this.#held <= keep || tape.bytes === 0) break
        this.#held -= tape.bytes
        due.push(tape)
      }
      return Effect.forEach(due, (tape) => this.#write(tape), { concurrency: tapesAtOnce, discard: true })
    })
  }

  #write(tape: CopiedTape): Effect.Effect<void, WriteError> {
    const { makeTape, root, segments } = this.#target
    return Effect.gen(function* () {
      const before = tape.segments.at(-1)
      if (before === undefined) yield* makeTape(tape.name)
      const options = {
        tape: tape.name,
        role: "events" as const,
        number: (before?.number ?? 0) + 1,
        before,
        lastBatch: 0
      }
      const { segment, index } = yield* writeNextSegment(root, options, (seal, append) =>
        Effect.gen(function* () {
          let first = 0
          for (const piece of piecesOf(tape.lines)) {
            const done = first
            seal.add(piece, (n) => tape.keys[done + n]!)
            first = seal.records
            yield* append(piece)
            yield* Effect.yieldNow
          }
        })
      )
      tape.segments.push(segment)
      tape.clear()
      yield* segments.remember(tape.name, segment.name, segment.sha256, index)
    })
  }
}

/** Cuts whole lines into pieces of about `pieceBytes`. */
const piecesOf = (lines: Uint8Array): Array<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  for (let start = 0; start < lines.length;) {
    const cut = start + pieceBytes < lines.length ? lines.indexOf(0x0a, start + pieceBytes) + 1 : lines.length
    pieces.push(lines.subarray(start, cut))
    start = cut
  }
  return pieces
}
