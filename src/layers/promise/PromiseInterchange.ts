/** Export and import of events as lines, for callers without Effect. */
import * as Effect from "effect/Effect"
import type { InvalidLine } from "../../domain/interchange/InterchangeErrors.ts"
import type { EventStore } from "../../services/EventStore.ts"
import { lazy, lazyStream } from "../../services/base/lazy.ts"
import type { ExportOptions, ExportProgress } from "../../services/interchange/exportEvents.ts"
import type { ImportOptions, ImportProgress, ImportReport } from "../../services/interchange/importEvents.ts"
import type * as Lib from "../../services/Lib.ts"
import type { ExportReport } from "../interchange/exportFile.ts"
import { type CallOptions, forServices, type LongCallOptions } from "./CallOptions.ts"
import type { Runs } from "./Runs.ts"

/** Options of an export: see `litetapes/Interchange`. */
export interface PromiseExportOptions extends Omit<ExportOptions, "onProgress">, CallOptions {
  /** Receives the progress after each page. If it throws, the call fails with that. */
  readonly onProgress?: (progress: ExportProgress) => void
}

/** Options of an import: see `litetapes/Interchange`. */
export interface PromiseImportOptions extends Omit<ImportOptions, "onBadLine" | "onProgress">, CallOptions {
  /** Receives each line that cannot be imported; the import waits for it, and then continues with the line after it. */
  readonly onBadLine?: (line: InvalidLine) => void | Promise<void>
  /** Receives the progress after each batch. If it throws, the call fails with that. */
  readonly onProgress?: (progress: ImportProgress) => void
}

/** The calls of an open store that export and import. Each does what the one of `Interchange` does. */
export interface PromiseInterchange {
  /**
   * Iterates over events as lines, jsonl or CloudEvents: see `Interchange.exportLines`.
   *
   * **Example**
   *
   * ```ts
   * for await (const line of store.exportLines({ format: "cloudevents" })) await publish(line)
   * ```
   */
  readonly exportLines: (options?: PromiseExportOptions) => AsyncIterable<string>
  /** Exports to a file, and continues an export that is there: see `Interchange.exportFile`. */
  readonly exportFile: (path: string, options?: PromiseExportOptions) => Promise<ExportReport>
  /**
   * Imports lines, in their order; events that are there are not appended again: see `Interchange.importIterable`.
   *
   * **Example**
   *
   * ```ts
   * const { appended } = await store.importLines(lines, { onBadLine: ({ message }) => console.warn(message) })
   * ```
   */
  readonly importLines: (
    lines: Iterable<string> | AsyncIterable<string>,
    options?: PromiseImportOptions
  ) => Promise<ImportReport>
  /** Imports a file: see `Interchange.importFile`. */
  readonly importFile: (path: string, options?: PromiseImportOptions) => Promise<ImportReport>
}

/** Makes them for an open store. */
export const interchangeOf = (runs: Runs<EventStore | Lib.Lib>): PromiseInterchange => ({
  exportLines: (options) =>
    runs.iterate("PromiseStore.exportLines", options, () => exportLines(shared(options) as ExportOptions)),
  exportFile: (path, options) =>
    runs.run("change", "PromiseStore.exportFile", options, () => exportFile(path, shared(options) as ExportOptions)),
  importLines: (lines, options) =>
    runs.run("change", "PromiseStore.importLines", options, () => importIterable(lines, forImport(options))),
  importFile: (path, options) =>
    runs.run("change", "PromiseStore.importFile", options, () => importFile(path, forImport(options)))
})

/** Of the progress only the type differs from that of other long calls. */
const shared = (options: CallOptions | undefined): object => forServices(options as LongCallOptions<object> | undefined)

const forImport = (options: PromiseImportOptions | undefined): ImportOptions => {
  const others = shared(options) as ImportOptions
  let onBadLine: unknown
  try {
    onBadLine = options?.onBadLine
  } catch {
    // The options are refused as a whole.
  }
  if (typeof onBadLine !== "function") return others
  const receive = onBadLine as (line: InvalidLine) => void | Promise<void>
  return { ...others, onBadLine: (line) => Effect.promise(async () => receive(line)) }
}

const exportLines = lazyStream(() => import("../interchange/Interchange.ts"), "exportLines")
const exportFile = lazy(() => import("../interchange/Interchange.ts"), "exportFile")
const importIterable = lazy(() => import("../interchange/Interchange.ts"), "importIterable")
const importFile = lazy(() => import("../interchange/Interchange.ts"), "importFile")
