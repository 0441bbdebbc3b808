/** Reads a segment's file without meta, and returns its content if every line is a record. */
import * as Effect from "effect/Effect"
import { createHash, hash } from "node:crypto"
import { SegmentCorrupt } from "../../domain/format/Errors.ts"
import * as Event from "../../domain/event/Event.ts"
import { found, scanEvent, scanRecord } from "../../domain/json/canonicalScan.ts"
import { depthMaxOf } from "../../domain/json/canonicalWriter.ts"
import type { Compression } from "../../domain/format/Names.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"
import { decodeSame } from "../../domain/segment/SameLine.ts"
import type * as TaraSON from "../../domain/json/TaraSON.ts"
import type { SegmentAccess } from "./SegmentAccess.ts"
import { isSystemRecord, parseLine } from "../../domain/segment/recordLines.ts"
import { readFileLines } from "./SegmentFile.ts"
import type { SegmentError } from "./SegmentAccess.ts"

/** Content of a file. */
export interface ScannedFile {
  readonly bytes: number
  readonly rawBytes: number
  readonly sha256: string
  /** Number of lines that refer to an earlier one. */
  readonly same: number
  /**
   * First 52 bits of each record's SHA-256, with repeats in their places. Enough to distinguish records, at eight bytes
   * each.
   */
  readonly prints: Float64Array
  /** Its last event, if it was scanned for events. */
  readonly lastEvent: Pick<Event.RecordedEvent, "position" | "stream"> | undefined
}

/**
 * Reads a whole file. Fails at the first line that is not a canonical record, not an event on a tape of events, or
 * refers to a line that does not exist; and if the last line has no end.
 */
export const scanSegmentFile = (
  access: SegmentAccess,
  tape: string,
  segment: string,
  compression: Compression,
  role: Role
): Effect.Effect<ScannedFile, SegmentError> =>
  Effect.suspend(() => {
    const digest = createHash("sha256")
    const { limits } = access
    const prints = new Prints()
    let bytes = 0
    let rawBytes = 0
    let lastEvent: ScannedFile["lastEvent"]
    /** Numbers of lines that refer to others. No line may refer to one of them. */
    const same = new Set<number>()
    const corrupt = (offset: number, why: string) => new SegmentCorrupt({ tape, segment, offset, why })
    const scan = role === "events" ? scanEvent : scanRecord
    const depthMax = depthMaxOf(limits)
    const takeLine = (line: Uint8Array, offset: number): void => {
      // The bytes of most lines prove that they are records, without parsing.
      if (scan(line, 0, depthMax) === line.length) {
        if (role === "events") lastEvent = foundIn(line)
        return prints.add(printOf(line))
      }
      const record = parseLine(line, limits)
      if (isSystemRecord(record)) {
        const target = decodeSame(line)
        const isHere = target !== undefined && role === "records" && !same.has(target)
        const repeated = isHere ? prints.at(target) : undefined
        if (repeated === undefined) throw corrupt(offset, "a system record does not belong here")
        same.add(prints.count)
        prints.add(repeated)
      } else {
        if (role === "events") {
          if (!isEvent(record)) throw corrupt(offset, "a record that is not an event")
          lastEvent = Event.fromRecord(record)
        }
        prints.add(printOf(line))
      }
    }
    const read = readFileLines(access, tape, segment, compression, {
      onFile: (chunk) => {
        digest.update(chunk)
        bytes += chunk.length
      },
      onLine: (line, offset) => {
        rawBytes += line.length + 1
        takeLine(line, offset)
      }
    })
    return Effect.flatMap(read, (): Effect.Effect<ScannedFile, SegmentCorrupt> => {
      if (prints.count === 0) return Effect.fail(corrupt(0, "it is empty"))
      const sha256 = digest.digest("hex")
      return Effect.succeed({ bytes, rawBytes, sha256, same: same.size, prints: prints.all(), lastEvent })
    })
  })

/** Returns the event of the line that was scanned last. */
const foundIn = (line: Uint8Array): ScannedFile["lastEvent"] => {
  const { position, streamEnd, streamStart } = found
  const stream = Buffer.from(line.buffer, line.byteOffset, line.length).toString("latin1", streamStart, streamEnd)
  return { position, stream }
}

/** Returns a number that distinguishes a record from others. */
export const printOf = (line: Uint8Array): number => Number.parseInt(hash("sha256", line, "hex").slice(0, 13), 16)

/** A growing column of numbers. */
export class Prints {
  #column = new Float64Array(1024)
  #count = 0

  add(print: number): void {
    if (this.#count === this.#column.length) {
      const grown = new Float64Array(this.#count * 2)
      grown.set(this.#column)
      this.#column = grown
    }
    this.#column[this.#count++] = print
  }

  get count(): number {
    return this.#count
  }

  at(index: number): number | undefined {
    return index >= 0 && index < this.#count ? this.#column[index] : undefined
  }

  all(): Float64Array {
    return this.#column.slice(0, this.#count)
  }
}

const isEvent = (record: TaraSON.JsonObject): boolean => {
  const { stream, revision, position } = Event.fromRecord(record)
  return typeof stream === "string" && Number.isSafeInteger(revision) && Number.isSafeInteger(position)
}
