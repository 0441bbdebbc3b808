/** Reads lines as events, and says which are bad. */
import { encode } from "../../domain/event/Event.ts"
import { checkImported, type Format, type ImportedEvent, timeOf } from "../../domain/interchange/ImportedEvent.ts"
import { InvalidLine } from "../../domain/interchange/InterchangeErrors.ts"
import type { FoundLine, LinePlace } from "../../domain/interchange/LineSplitter.ts"
import { decodeLine, isBlank } from "../../domain/interchange/lines.ts"
import type { Limits } from "../../domain/format/Limits.ts"
import type { InvalidStreamName } from "../../domain/format/Placement.ts"
import { BadLine } from "../../domain/json/BadLine.ts"
import { describeError } from "../../domain/json/describeError.ts"
import type { NewEvent, RecordedEvent } from "../../domain/event/Event.ts"
import { InvalidEvent } from "../../domain/event/Event.ts"
import { TaraSONError } from "../../domain/json/TaraSONError.ts"
import type * as Effect from "effect/Effect"
import type { AppendResult, EventAppendError, StreamAppend } from "../streams/EventAppender.ts"
import type { StreamReadError } from "../streams/StreamReader.ts"

/** What an import needs of a lib. */
export interface ImportTarget {
  readonly limits: Limits
  /** Appends entries as one batch. The events of each entry get the time of the same index, or else the present one. */
  readonly append: (
    appends: ReadonlyArray<StreamAppend>,
    times: ReadonlyArray<string | undefined>
  ) => Effect.Effect<ReadonlyArray<AppendResult>, EventAppendError>
  readonly find: (stream: string, id: string) => Effect.Effect<RecordedEvent | undefined, StreamReadError>
}

/** An event, and the line that it comes from. */
export interface LineEvent {
  readonly stream: string
  readonly event: NewEvent & { readonly id: string }
  /** In the form that a lib stores. */
  readonly time: string | undefined
  readonly revision: number | undefined
  readonly place: LinePlace
  readonly next: LinePlace
  /** Bytes of the line with its newline. */
  readonly bytes: number
}

export class LinesReader {
  readonly #format: Format
  readonly #limits: Limits
  readonly #map: ((event: ImportedEvent, place: LinePlace) => ImportedEvent | undefined) | undefined
  /** Limits of the lib, if events are to be checked as an append would. */
  readonly #checked: Limits | undefined

  constructor(
    format: Format,
    limits: Limits,
    map: ((event: ImportedEvent, place: LinePlace) => ImportedEvent | undefined) | undefined,
    checked: Limits | undefined
  ) {
    this.#format = format
    this.#limits = limits
    this.#map = map
    this.#checked = checked
  }

  read(line: FoundLine): LineEvent | "blank" | "left-out" | InvalidLine {
    const { bytes, isEnded } = line
    if (bytes === undefined) {
      return invalid(line, `it has more than ${this.#limits.recordBytesMax} bytes, which no event of this lib can have`)
    }
    if (isBlank(bytes)) return "blank"
    try {
      const read = decodeLine(this.#format, bytes, this.#limits)
      const event = this.#map === undefined ? read : this.#map(read, { line: line.line, byte: line.byte })
      return event === undefined ? "left-out" : this.#checkedEvent(event, line)
    } catch (error) {
      const why = whyRefused(error)
      if (why === undefined) throw error
      return invalid(
        line,
        isEnded ? why : `${why.replace(/\.$/, "")}. It is the last line and has no newline: the input may be cut`
      )
    }
  }

  #checkedEvent(imported: ImportedEvent, line: FoundLine): LineEvent {
    checkImported(imported)
    const { revision, stream, time: given, ...event } = imported
    const time = given === undefined ? undefined : timeOf(given)
    if (this.#checked !== undefined) encode(stream, event, 0, noId, time ?? anyTime, this.#checked)
    return {
      stream,
      event,
      time,
      revision,
      place: { line: line.line, byte: line.byte },
      next: { line: line.line + 1, byte: line.end },
      bytes: line.end - line.byte
    }
  }
}

const noId = (): string => ""

/** All times have the same length. */
const anyTime = "2026-01-01T00:00:00.000Z"

const invalid = ({ byte, line }: LinePlace, why: string): InvalidLine => new InvalidLine({ line, byte, why })

/** Returns why a line is refused, without quoting it; `undefined` for any other error. */
const whyRefused = (error: unknown): string | undefined => {
  if (error instanceof BadLine) return describeError(error)
  if (error instanceof TaraSONError) return error.stream === undefined ? describeError(error) : error.message
  if (error instanceof InvalidEvent || isInvalidStreamName(error)) return error.message
  return undefined
}

const isInvalidStreamName = (error: unknown): error is InvalidStreamName =>
  error instanceof Error && "_tag" in error && error._tag === "InvalidStreamName"
