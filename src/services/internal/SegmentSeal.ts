/**
 * What closing computes of a segment while its lines are copied: the file's hash, the Merkle state behind it, its index.
 * Off the append path; no record is parsed.
 */
import { createHash, type Hash } from "node:crypto"
import { newline } from "../../domain/Format.ts"
import * as Merkle from "../../domain/Merkle.ts"
import { SegmentIndexBuilder } from "../../domain/SegmentIndex.ts"
import type { Role } from "../../domain/SystemRecord.ts"
import type { EventLine } from "./DynamicEvents.ts"

/** What the index wants to know of an event. */
export type EventKey = Pick<EventLine, "stream" | "revision" | "position" | "idHash">

export interface SealedSegment {
  readonly bytes: number
  readonly records: number
  readonly sha256: string
  readonly merkle: Merkle.State
  readonly index: Uint8Array
}

export class SegmentSeal {
  readonly #hash: Hash = createHash("sha256")
  readonly #merkle: Merkle.Accumulator
  readonly #index: SegmentIndexBuilder
  #bytes = 0
  #records = 0

  /** `before` is the Merkle state behind the segment in front of it. */
  constructor(role: Role, before: Merkle.State = Merkle.empty) {
    this.#merkle = new Merkle.Accumulator(before)
    this.#index = new SegmentIndexBuilder(role)
  }

  /** Adds whole lines; `event` says what the n-th of them is, where the segment holds events. */
  add(lines: Uint8Array, event?: (n: number) => EventKey): void {
    this.#hash.update(lines)
    this.#bytes += lines.length
    let start = 0
    for (let n = 0; start < lines.length; n++) {
      const end = lines.indexOf(newline, start)
      this.#merkle.add(lines, start, end)
      this.#index.add(lines, start, end, event?.(n))
      this.#records++
      start = end + 1
    }
  }

  finish(): SealedSegment {
    const sha256 = this.#hash.digest("hex")
    return {
      bytes: this.#bytes,
      records: this.#records,
      sha256,
      merkle: this.#merkle.state(),
      index: this.#index.finish(sha256)
    }
  }
}
