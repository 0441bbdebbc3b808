/** Imports lines as events: checks each line, and appends in batches in the order of the lines. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Format, ImportedEvent } from "../../domain/interchange/ImportedEvent.ts"
import { InvalidLine } from "../../domain/interchange/InterchangeErrors.ts"
import { LineSplitter, type FoundLine, type LinePlace } from "../../domain/interchange/LineSplitter.ts"
import { lineLimits } from "../../domain/interchange/lines.ts"
import {
  aCallback,
  aCount,
  aFlag,
  type Check,
  type Checks,
  nested,
  oneOf,
  unless
} from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { checkOptions } from "../base/checkCall.ts"
import { type ImportTarget, type LineEvent, LinesReader } from "./LinesReader.ts"
import { appendLines, type AppendLinesError } from "./appendLines.ts"
import { Meter, type TransferProgress } from "./Meter.ts"

/** How far an import is. `done` counts events that are durable now, whether they were appended or there already. */
export interface ImportProgress extends TransferProgress {
  /** Where the first line begins that is not done: pass it as `startsAt` to an import of the rest. */
  readonly next: LinePlace
}

/** How to import. */
export interface ImportOptions {
  /**
   * `jsonl`: lines as an export of this format or the files of a lib have them. `cloudevents`: CloudEvents 1.0 of any
   * producer, each in the JSON format on a line of its own. Default: `jsonl`.
   */
  readonly format?: Format
  /**
   * Returns the event to import instead, such as one with another stream or type, or `undefined` to leave it out. Gives an
   * event of a line that names no stream, whose `stream` is empty, its stream. Must return the same each time.
   */
  readonly map?: (event: ImportedEvent, place: LinePlace) => ImportedEvent | undefined
  /**
   * Receives each line that cannot be imported. The import then continues with the line after it. Without it, the import
   * stops at the first one, with `InvalidLine`.
   */
  readonly onBadLine?: (line: InvalidLine) => Effect.Effect<void>
  /**
   * `check`: an event that gets another revision than its line says is a bad line. Use it for a whole export, so that a missing
   * event is noticed. Default: `renumber`, which ignores them.
   */
  readonly revisions?: "check" | "renumber"
  /** Whether to check the lines only, without appending anything. Default: false. */
  readonly dryRun?: boolean
  /** Events that are appended as one batch, at most: a whole number from 1. Default: 1000. */
  readonly batchEvents?: number
  /** Where the input begins in its file, for errors and progress. Default: line 1, byte 0. */
  readonly startsAt?: LinePlace
  /** Bytes of the input, so that the progress can say how much is left. Default: not known. */
  readonly totalBytes?: number
  /** Receives the progress after each batch. The import waits for it. */
  readonly onProgress?: (progress: ImportProgress) => Effect.Effect<void>
}

const aPositiveCount: Check = unless(
  (value) => Number.isSafeInteger(value) && Number(value) >= 1,
  "a whole number, 1 or more"
)

const placeChecks = { line: aPositiveCount, byte: aCount } satisfies Checks<LinePlace>

export const importChecks = {
  format: oneOf("jsonl", "cloudevents"),
  map: aCallback,
  onBadLine: aCallback,
  revisions: oneOf("check", "renumber"),
  dryRun: aFlag,
  batchEvents: aPositiveCount,
  startsAt: nested(placeChecks),
  totalBytes: aCount,
  onProgress: aCallback
} satisfies Checks<ImportOptions>

/** What an import did. */
export interface ImportReport {
  /** Events that were appended. In a dry run, those that would be, unless they are there already. */
  readonly appended: number
  /** Events that were there already, with the same id, type, data and tags. */
  readonly repeated: number
  /** Lines that could not be imported. */
  readonly badLines: number
  /** Lines for which `map` returned `undefined`. */
  readonly leftOut: number
  /** Where the input ended. */
  readonly end: LinePlace
}

/**
 * Errors of an import. After any of them the same import can run again, and continues. After `CommitOutcomeUnknown`, call
 * `lib.reopen` first.
 */
export type ImportError = AppendLinesError | InvalidLine | InvalidArgument

const start: LinePlace = { line: 1, byte: 0 }

/** Bytes of lines that are appended as one batch, at most. */
const batchBytesMax = 8 * 1024 * 1024

/** Imports the lines of a file, which is given in pieces. An error in place of a piece ends it. */
export const importPieces = <E, R>(
  call: string,
  target: ImportTarget,
  pieces: Stream.Stream<Uint8Array | InvalidArgument, E, R>,
  options: ImportOptions = {}
): Effect.Effect<ImportReport, E | ImportError, R> =>
  Effect.gen(function* () {
    yield* checkOptions(call, options, importChecks)
    const running = new Import(target, options, yield* Meter.make)
    yield* Stream.runForEach(pieces, (piece) =>
      isBytes(piece) ? running.take(piece) : Effect.fail(refusalOf(call, piece))
    )
    return yield* running.end
  })

/** Programs without types may give something else. */
const isBytes = (piece: unknown): piece is Uint8Array => piece instanceof Uint8Array

const refusalOf = (call: string, piece: unknown): InvalidArgument =>
  piece instanceof InvalidArgument
    ? piece
    : new InvalidArgument({
        call,
        argument: "pieces",
        why: "must be a stream of Uint8Array; for texts, use Interchange.importLines"
      })

class Import {
  readonly #target: ImportTarget
  readonly #options: ImportOptions
  readonly #meter: Meter
  readonly #splitter: LineSplitter
  readonly #reader: LinesReader
  #batch: Array<LineEvent> = []
  #bytes = 0
  /** Where the next line begins. */
  #place: LinePlace
  #appended = 0
  #repeated = 0
  #badLines = 0
  #leftOut = 0

  constructor(target: ImportTarget, options: ImportOptions, meter: Meter) {
    const { format = "jsonl", map, startsAt = start } = options
    const limits = lineLimits(target.limits)
    this.#target = target
    this.#options = options
    this.#meter = meter
    this.#place = startsAt
    this.#splitter = new LineSplitter(limits.recordBytesMax, startsAt)
    this.#reader = new LinesReader(format, limits, map, options.dryRun === true ? target.limits : undefined)
  }

  take(piece: Uint8Array): Effect.Effect<void, ImportError> {
    return this.#drain(this.#splitter.push(piece))
  }

  readonly end: Effect.Effect<ImportReport, ImportError> = Effect.gen({ self: this }, function* () {
    yield* this.#drain(this.#splitter.end())
    yield* this.#flush()
    return {
      appended: this.#appended,
      repeated: this.#repeated,
      badLines: this.#badLines,
      leftOut: this.#leftOut,
      end: this.#place
    }
  })

  /** Takes lines until there are no more, and appends whenever a batch is full. */
  #drain(lines: Generator<FoundLine, void>): Effect.Effect<void, ImportError> {
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        const found = this.#fill(lines)
        if (found === "empty") return
        yield* this.#flush()
        if (found !== "full") yield* this.#refuse(found)
      }
    })
  }

  /** Fills the batch. Returns a line that is bad: what is before it must be appended first. */
  #fill(lines: Generator<FoundLine, void>): "empty" | "full" | InvalidLine {
    const { batchEvents = 1000 } = this.#options
    for (;;) {
      const { done, value: line } = lines.next()
      if (done === true) return "empty"
      this.#place = { line: line.line + 1, byte: line.end }
      const event = this.#reader.read(line)
      if (event instanceof InvalidLine) return event
      if (event === "blank") continue
      if (event === "left-out") {
        this.#leftOut++
        continue
      }
      this.#batch.push(event)
      this.#bytes += event.bytes
      const bytesMax = Math.min(batchBytesMax, this.#target.limits.batchBytesMax / 2)
      if (this.#batch.length >= batchEvents || this.#bytes >= bytesMax) return "full"
    }
  }

  #flush(): Effect.Effect<void, ImportError> {
    const { dryRun, onProgress, revisions, totalBytes } = this.#options
    const batch = this.#batch
    if (batch.length === 0) return Effect.void
    const bytes = this.#bytes
    this.#batch = []
    this.#bytes = 0
    const next = batch.at(-1)!.next
    const before = this.#appended + this.#repeated
    const count = (repeated: boolean, events: number): void => {
      if (repeated) this.#repeated += events
      else this.#appended += events
    }
    const append =
      dryRun === true
        ? Effect.sync(() => count(false, batch.length))
        : appendLines(this.#target, batch, revisions === "check", count, (bad) => this.#refuse(bad))
    if (onProgress === undefined) return append
    return Effect.andThen(
      append,
      Effect.suspend(() => {
        this.#meter.add(this.#appended + this.#repeated - before, bytes)
        const begun = (this.#options.startsAt ?? start).byte
        const fraction = totalBytes === undefined ? undefined : (next.byte - begun) / Math.max(totalBytes, 1)
        return Effect.flatMap(this.#meter.progress(fraction), (progress) => onProgress({ ...progress, next }))
      })
    )
  }

  #refuse(line: InvalidLine): Effect.Effect<void, InvalidLine> {
    this.#badLines++
    return this.#options.onBadLine === undefined ? Effect.fail(line) : this.#options.onBadLine(line)
  }
}
