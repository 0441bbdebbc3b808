/**
 * Export and import of events as lines: jsonl, and CloudEvents 1.0. Ids, types, data, metadata, tags, times, streams and the
 * order are kept. Both use constant memory, report their progress, and continue after an interruption.
 *
 * @example
 * ```ts
 * const moving = Effect.gen(function* () {
 *   yield* Interchange.exportFile("orders.jsonl").pipe(Effect.provide(EventStore.layer("./orders")))
 *   const report = yield* Interchange.importFile("orders.jsonl").pipe(Effect.provide(EventStore.layer("./copy")))
 *   yield* Effect.log(`${report.appended} events`)
 * })
 * moving.pipe(Effect.provide(NodeStorage.layer))
 * ```
 */
import type * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Format, ImportedEvent } from "../../domain/interchange/ImportedEvent.ts"
import { InvalidLine, NotAnExport } from "../../domain/interchange/InterchangeErrors.ts"
import type { LinePlace } from "../../domain/interchange/LineSplitter.ts"
import type { EventStore } from "../../services/EventStore.ts"
import {
  type ExportError,
  type ExportOptions,
  type ExportProgress,
  toBytes
} from "../../services/interchange/exportEvents.ts"
import type {
  ImportError,
  ImportOptions,
  ImportProgress,
  ImportReport
} from "../../services/interchange/importEvents.ts"
import type { TransferProgress } from "../../services/interchange/Meter.ts"
import type { ExportFileError, ExportReport } from "./exportFile.ts"
import { streamOf } from "./iterables.ts"
import type { ImportFileError } from "./operations.ts"
import * as operations from "./operations.ts"

export { InvalidLine, NotAnExport }
export type {
  ExportError,
  ExportFileError,
  ExportOptions,
  ExportProgress,
  ExportReport,
  Format,
  ImportedEvent,
  ImportError,
  ImportFileError,
  ImportOptions,
  ImportProgress,
  ImportReport,
  LinePlace,
  TransferProgress
}

/**
 * Streams events as lines without newlines, in the order of their positions, or revisions with `stream`. Costs a read of the
 * events, as `readAll` and `read` do, and fails as they do.
 *
 * @example
 * ```ts
 * const paid = Interchange.exportLines({ format: "cloudevents", filter: { types: ["OrderPaid"] } })
 * yield* Stream.runForEach(paid, (line) => publish(line))
 * ```
 */
export const exportLines = (options?: ExportOptions): Stream.Stream<string, ExportError, EventStore> =>
  operations.linesOf("Interchange.exportLines", options)

/** Streams the same lines as the bytes of a file, in pieces of whole lines, each with its newline. */
export const exportBytes = (options?: ExportOptions): Stream.Stream<Uint8Array, ExportError, EventStore> =>
  Stream.map(operations.pagesOf("Interchange.exportBytes", options), toBytes)

/**
 * Exports to the file at `path`, and returns once it is durable. If the file has an earlier export, which was interrupted
 * or is older than the lib, continues after its last whole line; a line that was cut is removed. So the same call can run
 * again after any error, and again later for the events that were appended meanwhile.
 *
 * Fails with `NotAnExport`, and leaves the file as it is, if its last line is not one that this export would write. Only the last
 * 32 MiB of the file are read, since everything before them was synced. A new file has mode 0600.
 */
export const exportFile = (
  path: string,
  options?: ExportOptions
): Effect.Effect<ExportReport, ExportFileError, EventStore> =>
  operations.toFile("Interchange.exportFile", path, options)

/**
 * Imports lines, each without its newline. Events are appended in their order, in batches of up to `batchEvents`, with their
 * ids, metadata, tags and times; an event that names no time gets the present one. An event whose stream has its id
 * already is not appended again, so that the same import can run again after any error, and continues.
 *
 * Stops at the first bad line with `InvalidLine`, which names the line and its byte: everything before it is durable, nothing
 * after it is appended.
 *
 * @example
 * ```ts
 * const report = yield* Interchange.importLines(lines, {
 *   format: "cloudevents",
 *   map: (event) => ({ ...event, stream: `invoice-${event.stream}` }),
 *   onBadLine: (bad) => Effect.logWarning(bad.message)
 * })
 * ```
 */
export const importLines = <E, R>(
  lines: Stream.Stream<string, E, R>,
  options?: ImportOptions
): Effect.Effect<ImportReport, E | ImportError, R | EventStore> =>
  operations.fromLines("Interchange.importLines", lines, options)

/**
 * Imports the lines of an iterable or of an async iterable, such as `readline` of Node. Does what `importLines` does. Fails with what
 * iterating throws.
 */
export const importIterable = (
  lines: Iterable<string> | AsyncIterable<string>,
  options?: ImportOptions
): Effect.Effect<ImportReport, unknown, EventStore> =>
  operations.fromLines("Interchange.importIterable", streamOf(lines), options, "an iterable of texts")

/** Imports the bytes of a file, which is given in pieces of any size. Does what `importLines` does. */
export const importBytes = <E, R>(
  pieces: Stream.Stream<Uint8Array, E, R>,
  options?: ImportOptions
): Effect.Effect<ImportReport, E | ImportError, R | EventStore> =>
  operations.fromBytes("Interchange.importBytes", pieces, options)

/**
 * Imports the file at `path`, from the place `startsAt` on. Does what `importLines` does. The file must not be compressed.
 *
 * @example
 * ```ts
 * const report = yield* Interchange.importFile("orders.jsonl", { dryRun: true })
 * ```
 */
export const importFile = (
  path: string,
  options?: ImportOptions
): Effect.Effect<ImportReport, ImportFileError, EventStore> =>
  operations.fromFile("Interchange.importFile", path, options)
