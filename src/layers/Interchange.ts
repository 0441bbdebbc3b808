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
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Format, ImportedEvent } from "../domain/interchange/ImportedEvent.ts"
import { InvalidLine, NotAnExport } from "../domain/interchange/InterchangeErrors.ts"
import type { LinePlace } from "../domain/interchange/LineSplitter.ts"
import { shown } from "../domain/format/checkOptions.ts"
import { InvalidArgument, ReadOnly } from "../domain/format/Errors.ts"
import { appenderOf } from "../services/appenders.ts"
import { checkLocation, checkOptions } from "../services/base/checkCall.ts"
import { EventStore } from "../services/EventStore.ts"
import {
  type ExportError,
  type ExportOptions,
  exportPages,
  type ExportProgress,
  toBytes
} from "../services/interchange/exportEvents.ts"
import {
  importChecks,
  type ImportError,
  type ImportOptions,
  importPieces,
  type ImportProgress,
  type ImportReport
} from "../services/interchange/importEvents.ts"
import type { ImportTarget } from "../services/interchange/LinesReader.ts"
import type { TransferProgress } from "../services/interchange/Meter.ts"
import { accessOf } from "../services/internals.ts"
import { withSession } from "../services/lib/Access.ts"
import type { DiskError } from "../services/ports/Disk.ts"
import * as Clock from "effect/Clock"
import { exportFile as toFile, type ExportFileError, type ExportReport } from "./interchange/exportFile.ts"
import { PlainFile } from "./interchange/files.ts"

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
  ImportOptions,
  ImportProgress,
  ImportReport,
  LinePlace,
  TransferProgress
}

/** Errors of an import from a file. */
export type ImportFileError = ImportError | DiskError

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
  Stream.unwrap(
    Effect.map(EventStore, (store) =>
      Stream.flattenIterable(Stream.map(exportPages("Interchange.exportLines", store, options), ({ lines }) => lines))
    )
  )

/** Streams the same lines as the bytes of a file, in pieces of whole lines, each with its newline. */
export const exportBytes = (options?: ExportOptions): Stream.Stream<Uint8Array, ExportError, EventStore> =>
  Stream.unwrap(
    Effect.map(EventStore, (store) => Stream.map(exportPages("Interchange.exportBytes", store, options), toBytes))
  )

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
  Effect.andThen(
    checkLocation("Interchange.exportFile", path, "path"),
    Effect.flatMap(EventStore, (store) => toFile("Interchange.exportFile", store, path, options))
  )

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
): Effect.Effect<ImportReport, E | ImportError, R | EventStore> => {
  const call = "Interchange.importLines"
  const pieces = Effect.map(checkStream(call, "lines", lines), () =>
    Stream.mapArray(lines, (some) => [Buffer.from(`${some.join("\n")}\n`)])
  )
  return Effect.flatMap(pieces, (all) => importWith(call, all, options))
}

/** Imports the bytes of a file, which is given in pieces of any size. Does what `importLines` does. */
export const importBytes = <E, R>(
  pieces: Stream.Stream<Uint8Array, E, R>,
  options?: ImportOptions
): Effect.Effect<ImportReport, E | ImportError, R | EventStore> =>
  Effect.andThen(
    checkStream("Interchange.importBytes", "pieces", pieces),
    importWith("Interchange.importBytes", pieces, options)
  )

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
  Effect.scoped(
    Effect.gen(function* () {
      yield* checkLocation("Interchange.importFile", path, "path")
      yield* checkOptions("Interchange.importFile", options, importChecks)
      const file = yield* PlainFile.open(path, "read")
      const begin = options?.startsAt?.byte ?? 0
      const totalBytes = Math.max((yield* file.size) - begin, 0)
      return yield* importWith("Interchange.importFile", file.pieces(begin), { totalBytes, ...options })
    })
  )

const checkStream = (call: string, argument: string, given: unknown): Effect.Effect<void, InvalidArgument> =>
  Stream.isStream(given)
    ? Effect.void
    : Effect.fail(new InvalidArgument({ call, argument, why: `must be a Stream, not ${shown(given)}` }))

const importWith = <E, R>(
  call: string,
  pieces: Stream.Stream<Uint8Array, E, R>,
  options: ImportOptions | undefined
): Effect.Effect<ImportReport, E | ImportError, R | EventStore> =>
  Effect.flatMap(EventStore, (store) => importPieces(call, targetOf(store), pieces, options))

/** Appends with times of its own, and without the context of the fibre: an event is imported as it is. */
const targetOf = (store: EventStore["Service"]): ImportTarget => {
  const { find, lib } = store
  const access = accessOf(lib)
  return {
    limits: lib.limits,
    find,
    append: (appends, times) =>
      withSession(access, (session) =>
        Effect.withFiber((fiber) => {
          const appender = appenderOf(session)
          if (appender === undefined) return Effect.fail(new ReadOnly({ location: lib.location }))
          return appender.append(
            fiber.getRef(Clock.Clock),
            () => appends,
            () => ({ commandId: undefined, marks: undefined, times })
          )
        })
      )
  }
}
