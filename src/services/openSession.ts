/** Opens one session of a lib in a scope. The session ends, and its lock is free, once the scope has closed. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { LibExists, LibNotFound, type ReaderBusy } from "../domain/format/Errors.ts"
import { makeUuidV7 } from "../domain/base/Uuid.ts"
import type { LibOptions } from "./lib/checkSettings.ts"
import type { LibHandle, WriterSettings } from "./lib/LibHandle.ts"
import type { Measures } from "./lib/Measures.ts"
import { fromStorage, type OpenError } from "./lib/OpenError.ts"
import { eventTapesOf, logWarning, warnOfTapes } from "./lib/manyTapes.ts"
import { openReader } from "./lib/openReader.ts"
import { type Before, type Create, openWriter, type OpenReport } from "./lib/openWriter.ts"
import { inSpan } from "./base/spans.ts"
import { mergeSmall } from "./onDemand.ts"
import { Randomness } from "./ports/Randomness.ts"
import { Sealing } from "./ports/Sealing.ts"
import { type Root, Storage, type Warning } from "./ports/Storage.ts"
import type { Session } from "./Sessions.ts"
import type { Merge } from "./write/Merging.ts"
import { start, type Writer } from "./write/Writer.ts"

/** What to open, and how. */
export interface Opening {
  readonly location: string
  readonly mode: "write" | "read"
  readonly settings: WriterSettings
  readonly measures: Measures
  readonly options: LibOptions & { readonly create?: Create }
}

export const openSession = Effect.fnUntraced(function* (
  scope: Scope.Scope,
  { location, measures, mode, options, settings }: Opening
): Effect.fn.Return<Session, OpenError | ReaderBusy, Storage> {
  if (mode === "write") {
    yield* checkCreate(location, options.create)
    return yield* openWriterSession(scope, { location, measures, options, settings })
  }
  const root = yield* openRoot(scope, location, mode)
  const { lib: handle, tail } = yield* openReader(root, settings, { ...options, measures })
  const end = Effect.sync(() => handle.guard.close())
  yield* Scope.addFinalizer(scope, end)
  const torn = tail === undefined ? {} : { tornTail: tail }
  const report = { ...readerReport, warnings: yield* warningsOf(handle), ...torn }
  yield* logTail(root, report)
  return { handle, writer: undefined, end, report }
})

/**
 * Fails if a lib is there that must be new, or not there although none may be created. Looks without taking the lock, so
 * that nothing is made at the location, and no writer is disturbed.
 */
const checkCreate = Effect.fnUntraced(function* (
  location: string,
  create: Create = "if-absent"
): Effect.fn.Return<void, OpenError, Storage> {
  if (create === "if-absent") return
  const found = yield* Effect.result(Effect.scoped((yield* Storage).open(location, "read")))
  if (Result.isSuccess(found)) return create === "must" ? yield* new LibExists({ location }) : undefined
  const { detail, reason } = found.failure
  if (reason !== "not-a-lib" && reason !== "not-found") return yield* Effect.fail(fromStorage(found.failure, location))
  if (create === "never") return yield* new LibNotFound({ location, why: detail })
})

/** Opens a session that writes. `before` is the session of this lib that it follows. */
export const openWriterSession = Effect.fnUntraced(function* (
  scope: Scope.Scope,
  { location, measures, options, settings }: Omit<Opening, "mode">,
  before?: Before
): Effect.fn.Return<Session, OpenError, Storage> {
  const random = yield* Randomness
  const root = yield* openRoot(scope, location, "write")
  const sealing = yield* Scope.provide(yield* Sealing, scope)
  const uuid = makeUuidV7(random)
  // A lib that is opened again was there before, whatever the first opening asked for.
  const create = before === undefined ? options.create : undefined
  const given = { ...options, create, settings, sealing, uuid, measures, before }
  const { handle, report } = yield* openWriter(root, given)
  yield* logTail(root, report)
  const writer = yield* start(handle, scope, merge)
  // Registered last, so it runs first, while the writer's fibres can still finish what was submitted.
  yield* Scope.addFinalizer(scope, closeQuietly(handle, writer))
  return { handle, writer, end: writer.close, report: { ...report, warnings: yield* warningsOf(handle) } }
})

/** Merges small segments, which is a repack that nobody asked for. */
const merge: Merge = (lib, tape, options) =>
  inSpan(
    () => ({ operation: "repack", location: lib.location, attributes: { "litetapes.tape": tape.name } }),
    () => mergeSmall(lib, tape, options)
  )

const openRoot = Effect.fnUntraced(function* (
  scope: Scope.Scope,
  location: string,
  mode: "write" | "read"
): Effect.fn.Return<Root, OpenError, Storage> {
  const storage = yield* Storage
  const root = yield* storage.open(location, mode).pipe(
    Scope.provide(scope),
    Effect.mapError((error) => fromStorage(error, location))
  )
  yield* logWarnings(root)
  return root
})

const readerReport = { created: false, recovered: false, metaTailDropped: false }

/** Logs the risks of a place that were seen when it was opened. */
export const logWarnings = ({ warnings = [] }: Root): Effect.Effect<void> =>
  Effect.forEach(warnings, logWarning, { discard: true })

/** Returns the warnings of an opened lib. Those of its place are logged already. */
const warningsOf = ({ location, meta, root }: LibHandle): Effect.Effect<ReadonlyArray<Warning>> => {
  const own = warnOfTapes(location, eventTapesOf(meta.state))
  return Effect.as(Effect.forEach(own, logWarning, { discard: true }), [...(root.warnings ?? []), ...own])
}

/** A torn end is usual after a crash. One that a crash does not explain is worth a look. */
const logTail = ({ location }: Root, { tornTail }: OpenReport): Effect.Effect<void> =>
  tornTail === undefined
    ? Effect.void
    : tornTail.bytes > 0
      ? Effect.logInfo(
          `litetapes: ${location}: ${tornTail.file} ends in a torn batch at byte ${tornTail.offset}, which was never acknowledged`
        )
      : Effect.logWarning(
          `litetapes: ${location}: ${tornTail.file} was cut off at byte ${tornTail.offset}, at the end of a batch: batches after it may be lost. Compare it with a copy.`
        )

const closeQuietly = ({ location }: LibHandle, writer: Writer): Effect.Effect<void> =>
  Effect.matchEffect(writer.close, {
    onFailure: (error) =>
      Effect.logWarning(
        `litetapes: ${location}: the clean close failed, nothing acknowledged is lost, the next open takes it over: ${error.message}`
      ),
    onSuccess: () => Effect.void
  })
