/** Exports events as lines, a page at a time. */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type { Format } from "../../domain/interchange/ImportedEvent.ts"
import { encodeLine, lineLimits } from "../../domain/interchange/lines.ts"
import {
  aCallback,
  aCountOrInfinity,
  aFlag,
  aText,
  type Checks,
  nested,
  oneOf
} from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { Limits } from "../../domain/format/Limits.ts"
import { checkOptions } from "../base/checkCall.ts"
import type { AllReadError, ReadAllOptions } from "../streams/AllReader.ts"
import { type EventFilter, filterChecks } from "../streams/EventFilter.ts"
import type { ReadStreamOptions, StreamReadError } from "../streams/StreamReader.ts"
import { Meter, type TransferProgress } from "./Meter.ts"

/** How far an export is. */
export interface ExportProgress extends TransferProgress {
  /** Position at which a later export continues; of an export of one stream, the revision. */
  readonly next: number
}

/** What to export, and how. */
export interface ExportOptions {
  /**
   * `jsonl`: lines as they are in a lib. `cloudevents`: CloudEvents 1.0, each in the JSON format on a line of its own.
   * Default: `jsonl`.
   */
  readonly format?: Format
  /** The stream to export. Default: all. */
  readonly stream?: string
  /** First position; with `stream`, the first revision. Default: 0. */
  readonly from?: number
  /** Position after the last one; with `stream`, a revision. Default: the end when the export begins. */
  readonly to?: number
  /** Events to export. Default: all. */
  readonly filter?: EventFilter
  /** Whether to continue where positions are missing or events are lost, as `readAll` does. Default: false. */
  readonly allowGaps?: boolean
  /** Receives the progress after each page of up to 1,024 events. The export waits for it. */
  readonly onProgress?: (progress: ExportProgress) => Effect.Effect<void>
}

const exportChecks = {
  format: oneOf("jsonl", "cloudevents"),
  stream: aText,
  from: aCountOrInfinity,
  to: aCountOrInfinity,
  filter: nested(filterChecks),
  allowGaps: aFlag,
  onProgress: aCallback
} satisfies Checks<ExportOptions>

/** Errors of an export. `PositionGap` and `EventsLost` call for `verify`, or for `allowGaps`. */
export type ExportError = AllReadError | StreamReadError

/** What an export needs of an event store. */
export interface Exported {
  readonly lib: { readonly id: string; readonly limits: Limits }
  readonly position: Effect.Effect<number>
  readonly revision: (stream: string) => Effect.Effect<number | "no-stream", StreamReadError>
  readonly read: (stream: string, options: ReadStreamOptions) => Stream.Stream<RecordedEvent, StreamReadError>
  readonly readAll: (options: ReadAllOptions) => Stream.Stream<RecordedEvent, AllReadError>
}

/** Lines that were read together. */
export interface Page {
  /** Without newlines. */
  readonly lines: ReadonlyArray<string>
  /** Position or revision after the last of them. */
  readonly next: number
}

/** Fails unless an export can have these options. */
export const checkExport = (call: string, options: ExportOptions): Effect.Effect<void, InvalidArgument> =>
  Effect.andThen(
    checkOptions(call, options, exportChecks),
    Effect.suspend(() => {
      const { filter, stream } = options
      if (stream === undefined || filter?.categories === undefined) return Effect.void
      const why = "would be ignored, because one stream is exported: leave it out"
      return Effect.fail(new InvalidArgument({ call, argument: "options.filter.categories", why }))
    })
  )

/** Exports pages of lines. */
export const exportPages = (
  call: string,
  store: Exported,
  options: ExportOptions = {}
): Stream.Stream<Page, ExportError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      yield* checkExport(call, options)
      const { format = "jsonl", from = 0, onProgress, stream } = options
      const end = yield* endOf(store, stream)
      const to = Math.min(options.to ?? end, end)
      const limits = lineLimits(store.lib.limits)
      const pages = Stream.mapArray(eventsOf(store, options, to), (events) => {
        const { position, revision } = events.at(-1)!
        const lines = events.map((event) => encodeLine(format, event, store.lib.id, limits))
        return [{ lines, next: (stream === undefined ? position : revision) + 1 }]
      })
      if (onProgress === undefined) return pages
      const meter = yield* Meter.make
      return Stream.flatMap(pages, (page) => {
        const { lines, next } = page
        meter.add(lines.length, bytesOf(lines))
        const fraction = to <= from ? 1 : (next - from) / (to - from)
        const reported = Effect.flatMap(meter.progress(fraction), (progress) => onProgress({ ...progress, next }))
        return Stream.unwrap(Effect.map(reported, () => Stream.succeed(page)))
      })
    })
  )

const endOf = (store: Exported, stream: string | undefined): Effect.Effect<number, StreamReadError> =>
  stream === undefined
    ? store.position
    : Effect.map(store.revision(stream), (revision) => (revision === "no-stream" ? 0 : revision + 1))

const eventsOf = (
  store: Exported,
  { allowGaps = false, filter, from = 0, stream }: ExportOptions,
  to: number
): Stream.Stream<RecordedEvent, ExportError> => {
  if (stream === undefined) return store.readAll({ from, to, allowGaps, ...(filter === undefined ? {} : { filter }) })
  const { categories: _, ...inStream } = filter ?? {}
  return store.read(stream, { from, to, allowGaps, ...(filter === undefined ? {} : { filter: inStream }) })
}

/** Returns the number of bytes of lines with their newlines. */
const bytesOf = (lines: ReadonlyArray<string>): number =>
  lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0)

/** Returns the bytes of lines with their newlines. */
export const toBytes = ({ lines }: Page): Uint8Array => Buffer.from(`${lines.join("\n")}\n`)
