/** The lines of a run of closed segments, in pieces, with what an index wants to know of events. */
import * as Effect from "effect/Effect"
import type { Role } from "../../domain/SystemRecord.ts"
import type { EventKey } from "../../domain/SegmentIndex.ts"
import type { Core } from "./Core.ts"
import { keyOfEvent } from "./eventKeys.ts"
import { ofForeign } from "./ofForeign.ts"
import type { OpenTape } from "./OpenTape.ts"
import { corruptAt, linesOfChunk, readChunk, type ReadError } from "./RecordReader.ts"

/** Whole lines, and their keys where they are events. */
export interface Piece {
  readonly lines: Uint8Array
  readonly count: number
  readonly event: ((n: number) => EventKey) | undefined
}

const pieceBytes = 512 * 1024

export class RepackSource {
  readonly #core: Core
  readonly #tape: OpenTape
  readonly #role: Role
  readonly #end: number
  #ordinal: number
  /** Lines that were read and not handed on yet. */
  #rest: Array<Uint8Array> = []

  constructor(core: Core, tape: OpenTape, role: Role, from: number, to: number) {
    this.#core = core
    this.#tape = tape
    this.#role = role
    this.#ordinal = from
    this.#end = to
  }

  /** Ordinal of the next line. */
  get ordinal(): number {
    return this.#ordinal
  }

  get isDone(): boolean {
    return this.#ordinal >= this.#end
  }

  /** The next lines: `bytesMax` of them, or the one line that alone is longer. */
  next(bytesMax: number): Effect.Effect<Piece, ReadError> {
    return Effect.flatMap(this.#lines, (lines) =>
      ofForeign(
        () => this.#take(lines, bytesMax),
        (why) => corruptAt(this.#tape, this.#ordinal, why)
      )
    )
  }

  readonly #lines: Effect.Effect<Array<Uint8Array>, ReadError> = Effect.suspend(() => {
    if (this.#rest.length > 0) return Effect.succeed(this.#rest)
    const from = this.#ordinal
    return Effect.flatMap(readChunk(this.#core, this.#tape, from, "forward", pieceBytes), (chunk) =>
      Effect.as(Effect.yieldNow, linesOfChunk(chunk, from, this.#end))
    )
  })

  #take(lines: Array<Uint8Array>, bytesMax: number): Piece {
    let bytes = 0
    let count = 0
    while (count < lines.length && (count === 0 || bytes + lines[count]!.length + 1 <= bytesMax)) {
      bytes += lines[count]!.length + 1
      count++
    }
    const joined = Buffer.allocUnsafe(bytes)
    let at = 0
    const keys: Array<EventKey> = []
    for (const line of lines.slice(0, count)) {
      joined.set(line, at)
      at += line.length
      joined[at++] = 0x0a
      if (this.#role === "events") keys.push(keyOfEvent(line))
    }
    this.#rest = lines.slice(count)
    this.#ordinal += count
    return { lines: joined, count, event: this.#role === "events" ? (n) => keys[n]! : undefined }
  }
}
