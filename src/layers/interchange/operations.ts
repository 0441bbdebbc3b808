/** Export and import of an open store. `call` names the call in errors about its arguments. */
import { Buffer } from "node:buffer"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { shown } from "../../domain/format/checkOptions.ts"
import { InvalidArgument, ReadOnly } from "../../domain/format/Errors.ts"
import { appenderOf } from "../../services/appenders.ts"
import { checkLocation, checkOptions } from "../../services/base/checkCall.ts"
import { EventStore } from "../../services/EventStore.ts"
import {
  type ExportError,
  type ExportOptions,
  exportPages,
  type Page
} from "../../services/interchange/exportEvents.ts"
import {
  importChecks,
  type ImportError,
  type ImportOptions,
  importPieces,
  type ImportReport
} from "../../services/interchange/importEvents.ts"
import type { ImportTarget } from "../../services/interchange/LinesReader.ts"
import { accessOf } from "../../services/internals.ts"
import { withSession } from "../../services/lib/Access.ts"
import type { DiskError } from "../../services/ports/Disk.ts"
import { exportFile, type ExportFileError, type ExportReport } from "./exportFile.ts"
import { PlainFile } from "./files.ts"

/** Errors of an import from a file. */
export type ImportFileError = ImportError | DiskError

/** Streams pages of lines. */
export const pagesOf = (
  call: string,
  options: ExportOptions | undefined
): Stream.Stream<Page, ExportError, EventStore> =>
  Stream.unwrap(Effect.map(EventStore, (store) => exportPages(call, store, options)))

/** Streams lines. */
export const linesOf = (
  call: string,
  options: ExportOptions | undefined
): Stream.Stream<string, ExportError, EventStore> =>
  Stream.flattenIterable(Stream.map(pagesOf(call, options), ({ lines }) => lines))

/** Exports to a file. */
export const toFile = (
  call: string,
  path: string,
  options: ExportOptions | undefined
): Effect.Effect<ExportReport, ExportFileError, EventStore> =>
  Effect.andThen(
    checkLocation(call, path, "path"),
    Effect.flatMap(EventStore, (store) => exportFile(call, store, path, options))
  )

/** Writes half a character as an escape, which is then refused with its line. As UTF-8 it would become another character. */
const wellFormed = (text: string): string =>
  text.isWellFormed() ? text : text.replaceAll(/\p{Surrogate}/gu, (half) => `\\u${half.charCodeAt(0).toString(16)}`)

/** Imports lines. */
export const fromLines = <E, R>(
  call: string,
  lines: Stream.Stream<string, E, R>,
  options: ImportOptions | undefined,
  must = "a Stream"
): Effect.Effect<ImportReport, E | ImportError, R | EventStore> =>
  Effect.andThen(
    checkStream(call, "lines", lines, must),
    Effect.suspend(() => {
      const pieces = Stream.mapArray(lines, (some): readonly [Uint8Array | InvalidArgument] => {
        const wrong = some.findIndex((line) => typeof line !== "string")
        if (wrong === -1) return [Buffer.from(wellFormed(`${some.join("\n")}\n`))]
        const why = `must be texts, not ${shown(some[wrong])}; for bytes, use Interchange.importBytes`
        return [new InvalidArgument({ call, argument: "lines", why })]
      })
      return fromPieces(call, pieces, options)
    })
  )

/** Imports the bytes of a file. */
export const fromBytes = <E, R>(
  call: string,
  pieces: Stream.Stream<Uint8Array, E, R>,
  options: ImportOptions | undefined
): Effect.Effect<ImportReport, E | ImportError, R | EventStore> =>
  Effect.andThen(
    checkStream(call, "pieces", pieces, "a Stream"),
    Effect.suspend(() => fromPieces(call, pieces, options))
  )

/** Imports a file. */
export const fromFile = (
  call: string,
  path: string,
  options: ImportOptions | undefined
): Effect.Effect<ImportReport, ImportFileError, EventStore> =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* checkLocation(call, path, "path")
      yield* checkOptions(call, options, importChecks)
      const file = yield* PlainFile.open(path, "read")
      const begin = options?.startsAt?.byte ?? 0
      const totalBytes = Math.max((yield* file.size) - begin, 0)
      return yield* fromPieces(call, file.pieces(begin), { totalBytes, ...options })
    })
  )

const checkStream = (
  call: string,
  argument: string,
  given: unknown,
  must: string
): Effect.Effect<void, InvalidArgument> =>
  isStream(given)
    ? Effect.void
    : Effect.fail(new InvalidArgument({ call, argument, why: `must be ${must}, not ${shown(given)}` }))

/** Unlike that of Effect, it throws for no value. */
const isStream = (given: unknown): boolean => {
  try {
    return Stream.isStream(given)
  } catch {
    return false
  }
}

const fromPieces = <E, R>(
  call: string,
  pieces: Stream.Stream<Uint8Array | InvalidArgument, E, R>,
  options: ImportOptions | undefined
): Effect.Effect<ImportReport, E | ImportError, R | EventStore> =>
  Effect.flatMap(EventStore, (store) => importPieces(call, targetOf(store), pieces, options))

/** Appends with times of its own, and without the context of the fibre: an event is imported as it is. */
const targetOf = ({ find, lib }: EventStore["Service"]): ImportTarget => {
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
            () => ({ commandId: undefined, marks: undefined, times }),
            undefined
          )
        })
      )
  }
}
