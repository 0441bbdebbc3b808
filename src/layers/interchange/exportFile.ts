/** Exports to a file, and continues an export that was interrupted. */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { NotAnExport } from "../../domain/interchange/InterchangeErrors.ts"
import { endOfExport, lineLimits } from "../../domain/interchange/lines.ts"
import {
  checkExport,
  type ExportError,
  type ExportOptions,
  exportPages,
  type Exported,
  toBytes
} from "../../services/interchange/exportEvents.ts"
import type { DiskError } from "../../services/ports/Disk.ts"
import { PlainFile } from "./files.ts"

/** What an export to a file did. */
export interface ExportReport {
  /** Events that this run wrote. */
  readonly events: number
  /** Bytes that this run wrote. */
  readonly bytes: number
  /** Size of the file. */
  readonly fileBytes: number
  /** Position at which a later export continues; of an export of one stream, the revision. */
  readonly next: number
  /** Whether the file had events before. */
  readonly resumed: boolean
}

/** Errors of an export to a file. After any of them the same call continues, unless it is `NotAnExport`. */
export type ExportFileError = ExportError | DiskError | NotAnExport

/** Bytes that are written before they are synced, at most, unless one page is larger. */
const unsyncedMax = 32 * 1024 * 1024

/** Exports to the file at `path`. */
export const exportFile = (
  call: string,
  store: Exported,
  path: string,
  options: ExportOptions = {}
): Effect.Effect<ExportReport, ExportFileError> =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* checkExport(call, options)
      const file = yield* PlainFile.open(path, "write")
      const { next, position: begin } = yield* continueAt(call, store, file, path, options)
      if (begin > 0 && (options.from ?? 0) > next) return yield* leavesGap(call, path, options.from!, next)
      yield* file.truncate(begin)
      // A run that was killed may have left much that was not synced.
      if (begin > 0) yield* file.datasync
      let events = 0
      let position = begin
      let synced = begin
      let last = next
      const from = Math.max(options.from ?? 0, next)
      yield* Stream.runForEach(exportPages(call, store, { ...options, from }), (page) => {
        const bytes = toBytes(page)
        const sync =
          position + bytes.length - synced > unsyncedMax
            ? Effect.tap(file.datasync, () => Effect.sync(() => (synced = position)))
            : Effect.void
        return Effect.andThen(
          sync,
          Effect.map(
            Effect.suspend(() => file.write(bytes, position)),
            () => {
              position += bytes.length
              events += page.lines.length
              last = page.next
            }
          )
        )
      })
      yield* file.datasync
      yield* file.syncName
      return { events, bytes: position - begin, fileBytes: position, next: Math.max(last, from), resumed: begin > 0 }
    })
  )

/** The file would lack the events in between, and nothing in it would say so. */
const leavesGap = (call: string, path: string, from: number, next: number): InvalidArgument =>
  new InvalidArgument({
    call,
    argument: "options.from",
    why: `must not be above ${next}, where ${path} ends, and is ${from}; leave it out to continue, or export to another file`
  })

interface Continuation {
  /** Where the next line is written. */
  readonly position: number
  /** Position or revision of the next event. */
  readonly next: number
}

/** Returns where an earlier export ends, whose last line must be an event of this lib. */
const continueAt = Effect.fnUntraced(function* (
  call: string,
  store: Exported,
  file: PlainFile,
  path: string,
  options: ExportOptions
): Effect.fn.Return<Continuation, ExportFileError> {
  const { format = "jsonl", from = 0, onProgress: _, stream, ...rest } = options
  const size = yield* file.size
  if (size === 0) return { position: 0, next: from }
  const limits = lineLimits(store.lib.limits)
  const tailBytes = Math.min(size, unsyncedMax + 2 * limits.recordBytesMax)
  const tail = yield* file.read(size - tailBytes, tailBytes)
  const { bytes, last, position, revision } = endOfExport(format, tail, tailBytes === size, limits)
  const firstLine = (options: ExportOptions) =>
    Effect.map(Stream.runHead(exportPages(call, store, options)), (page) =>
      Option.isSome(page) ? page.value.lines[0] : undefined
    )
  const given = { format, ...(stream === undefined ? {} : { stream }) }
  if (last !== undefined) {
    const at = stream === undefined ? position : revision
    const { to: _, ...sameEvents } = rest
    const line = yield* firstLine({ ...given, ...sameEvents, from: at, to: at + 1 })
    if (line === last) return { position: size - tailBytes + bytes, next: at + 1 }
    return yield* new NotAnExport({ path, why: "its last line is not an event that this export would write" })
  }
  const first = yield* firstLine({ ...given, ...rest, from })
  const begins = first !== undefined && Buffer.from(first).subarray(0, tail.length).equals(tail)
  if (begins) return { position: 0, next: from }
  return yield* new NotAnExport({ path, why: "it has no line of such an export" })
})
