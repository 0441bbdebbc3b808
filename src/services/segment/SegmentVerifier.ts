/** Verifies a segment that is passed to it piece by piece. Reads no file and never waits. */
import * as Event from "../../domain/event/Event.ts"
import type { Limits } from "../../domain/format/Limits.ts"
import * as Merkle from "../../domain/merkle/Merkle.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import { EventRun, type EventsSummary } from "../../domain/event/EventRun.ts"
import { endOfRecord, readRecord } from "../../domain/segment/recordLines.ts"
import { SegmentSeal } from "../../domain/segment/SegmentSeal.ts"

/** Results of verifying a segment. */
export interface Proved {
  /** The correct index of the segment. */
  readonly index: Uint8Array
  /** Its events; empty if it holds other records. */
  readonly events: EventsSummary
}

/** The segment to verify. */
export interface VerifyTask {
  readonly role: Role
  readonly segment: Segment
  /** The Merkle state before it. */
  readonly before: Merkle.State
  readonly limits: Limits
}

export class SegmentVerifier {
  readonly #role: Role
  readonly #segment: Segment
  readonly #limits: Limits
  readonly #seal: SegmentSeal
  readonly #events: EventRun
  readonly #readEvent = (line: Uint8Array): Event.RecordedEvent => Event.fromRecord(readRecord(line, this.#limits))

  constructor({ before, limits, role, segment }: VerifyTask) {
    this.#role = role
    this.#segment = segment
    this.#limits = limits
    this.#seal = new SegmentSeal(role, before)
    this.#events = new EventRun(limits)
  }

  /** Adds the next whole lines. Throws if a line is invalid. */
  add(lines: Uint8Array, frame: Uint8Array | undefined): void {
    if (frame === undefined) this.#seal.addStored(lines)
    if (this.#role === "events") this.#addEvents(lines)
    else this.#addRecords(lines)
    if (frame === undefined) return
    this.#seal.endFrame()
    this.#seal.addFrame(frame)
  }

  #addEvents(lines: Uint8Array): void {
    for (let start = 0; start < lines.length;) {
      const end = this.#events.next(lines, start, this.#readEvent)
      this.#seal.addLine(lines, start, end, this.#events.key)
      start = end + 1
    }
  }

  #addRecords(lines: Uint8Array): void {
    for (let start = 0; start < lines.length;) {
      const end = endOfRecord(lines, start, this.#limits)
      this.#seal.addLine(lines, start, end)
      start = end + 1
    }
  }

  /** Returns the results, or `undefined` if the segment does not match meta. */
  finish(): Proved | undefined {
    const { bytes, merkle, rawBytes, records, sha256 } = this.#segment
    const { index, ...sealed } = this.#seal.finish()
    const isProved =
      sealed.sha256 === sha256 &&
      sealed.bytes === bytes &&
      sealed.rawBytes === rawBytes &&
      sealed.records === records &&
      sealed.merkle.size === merkle.size &&
      Merkle.root(sealed.merkle) === Merkle.root(merkle)
    return isProved ? { index, events: this.#events } : undefined
  }
}
