/**
 * A lib: a folder of tapes with one writer. Opening it for writing takes over everything that an interrupted writer had
 * committed. Closing its scope copies all committed records into segments and frees the lock.
 *
 * @example
 * ```ts
 * const main = Effect.gen(function* () {
 *   const lib = yield* Lib.Lib
 *   yield* lib.createTape("readings")
 *   yield* lib.commit([{ tape: "readings", records: [{ $type: "Reading", celsius: 19.5 }] }])
 * })
 * main.pipe(Effect.provide(Lib.layer("./data")), Effect.provide(NodeStorage.layer))
 * ```
 *
 * @see `litetapes/Tape`, `litetapes/EventStore`
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import {
  InvalidArgument,
  type LibInvalid,
  type LibLocked,
  type ReaderBusy,
  type ReadOnly
} from "../domain/format/Errors.ts"
import type { Place } from "../domain/meta/LibHistory.ts"
import { lineageOf, type TapeListing } from "../domain/meta/LibState.ts"
import type { Limits } from "../domain/format/Limits.ts"
import type { Placement } from "../domain/format/Placement.ts"
import { makeUuidV7 } from "../domain/base/Uuid.ts"
import type { FlushError } from "./write/flush.ts"
import type { CommitError } from "./write/CommitLoop.ts"
import type { WriteError } from "./lib/WriterGuard.ts"
import type { Append, AppendError, Receipt } from "./write/appendRecords.ts"
import { Measures } from "./lib/Measures.ts"
import { fromStorage, type OpenError } from "./lib/OpenError.ts"
import type { OpenReport } from "./lib/openWriter.ts"
import type { ConsumerCheckpoint } from "./lib/checkpoints.ts"
import type { StuckFile } from "./journal/Journal.ts"
import type { LoadError } from "./lib/TapeRegistry.ts"
import type { OnProgress, Progress } from "./base/Progress.ts"
import type { BackupError, BackupOptions, BackupReport } from "./maintenance/backup/Backup.ts"
import { checkLocation, checkOptions } from "./base/checkCall.ts"
import { dropParent, inSpan, withoutParent } from "./base/spans.ts"
import { recoverLibChecks, restoreChecks } from "./maintenance/optionChecks.ts"
import type { RestoreError, RestoreOptions, RestoreReport } from "./maintenance/backup/Restore.ts"
import type { RecoverLibError, RecoverLibOptions, RecoverLibReport } from "./maintenance/recover/RecoverLib.ts"
import type { CopyError, CopyOptions, CopyReport } from "./maintenance/copy/CopyLib.ts"
import type { RecoverError, RecoverReport } from "./maintenance/recover/RecoverTape.ts"
import type { AcceptLossError } from "./maintenance/salvage/acceptLoss.ts"
import type { SalvageError, SalvageOptions, SalvageReport } from "./maintenance/salvage/SalvageTape.ts"
import type { VerifyOptions, VerifyReport } from "./maintenance/verify/VerifyReport.ts"
import { libChecks, type Options, scheduleOf, settingsOf } from "./LibOptions.ts"
import type { Durable, LibService, RecoverTapeOptions } from "./LibService.ts"
import { type Copy, serve } from "./serveLib.ts"
import { loadAll } from "./base/lazy.ts"
import { copyLib, recoverLib, restore as restoreLib } from "./onDemand.ts"
import { logWarnings, openSession, openWriterSession } from "./openSession.ts"
import { type ReopenError, Sessions } from "./Sessions.ts"
import { Randomness } from "./ports/Randomness.ts"
import { Storage } from "./ports/Storage.ts"

export type {
  Append,
  AppendError,
  CommitError,
  CopyError,
  CopyOptions,
  CopyReport,
  Durable,
  FlushError,
  Limits,
  LoadError,
  OpenError,
  OpenReport,
  Options,
  Placement
}
export type { BackupError, BackupOptions, BackupReport, Place, RestoreError, RestoreOptions, RestoreReport }
export type { OnProgress, Progress, Receipt, RecoverError, RecoverLibError, RecoverLibOptions, RecoverLibReport }
export type { LibService, RecoverTapeOptions }
export type { AcceptLossError, SalvageError, SalvageOptions, SalvageReport }
export type {
  RecoverReport,
  ReopenError,
  ConsumerCheckpoint,
  StuckFile,
  TapeListing,
  VerifyOptions,
  VerifyReport,
  WriteError
}

/**
 * An open lib, as a service. Get one from `layer` or `open`.
 *
 * Calls of a closed lib fail with `LibClosed`, writes of a reader with `ReadOnly`. After a failed write or sync every
 * further write fails with `WriterPoisoned`: call `reopen`, or set it in the options. Reads continue until then.
 */
export class Lib extends Context.Service<Lib, LibService>()("litetapes/Lib") {}

/**
 * Opens the lib at `location` in the `Storage` in context, until the scope closes. For writing it creates a lib in an
 * absent or empty place, or takes over what the last writer left. The cost does not grow with the segments: no tape is
 * read.
 *
 * Fails with `LibLocked` if another writer has the lib open: wait, or open with `mode: "read"`. Fails with
 * `AckedDataLost`, `DynamicCorrupt` or `MetaCorrupt` if acknowledged data is damaged or missing: restore the file from
 * a copy, or use `recover` for lib meta. A failed opening holds no lock.
 *
 * @example
 * ```ts
 * const lib = yield* Lib.open("./data", { closeBytes: 16 * 1024 * 1024 })
 * yield* Effect.log(lib.report)
 * ```
 */
export const open: (
  location: string,
  options?: Options
) => Effect.Effect<Lib["Service"], OpenError | ReaderBusy, Storage | Scope.Scope> = (location, options = {}) =>
  inSpan(
    () => ({ operation: "open", location }),
    () => openScoped(location, options)
  )

const openScoped = Effect.fnUntraced(function* (location: string, options: Options) {
  // In a scope of its own, so that a failed opening frees its lock immediately and not only with the caller's scope.
  const scope = yield* Scope.fork(yield* Scope.Scope)
  return yield* openIn(scope, location, options).pipe(
    Scope.provide(scope),
    Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
  )
})

const openIn = Effect.fnUntraced(function* (scope: Scope.Closeable, location: string, options: Options) {
  yield* checkLocation("Lib.open", location)
  yield* checkOptions("Lib.open", options, libChecks)
  if (options.mode === "read" && options.create === "must") {
    const why = 'is "must", but mode is "read", and a reader creates no lib'
    return yield* new InvalidArgument({ call: "Lib.open", argument: "options.create", why })
  }
  const opening = {
    location,
    mode: options.mode ?? "write",
    options,
    settings: settingsOf(options),
    measures: new Measures()
  }
  const schedule = opening.mode === "write" ? scheduleOf(options.reopen) : undefined
  // The span of this call may have ended when the lib is opened again.
  const context = dropParent(yield* Effect.context<Storage>())
  const first = yield* Scope.fork(scope)
  const sessions = new Sessions(yield* openSession(first, opening), first, (next, { handle }) => {
    const before = { lineage: lineageOf(handle.meta.state), batch: handle.journal.durable.batch }
    const reopening = inSpan(
      () => ({ operation: "reopen", location }),
      () => openWriterSession(next, opening, before)
    )
    return Effect.provideContext(reopening, context)
  })
  yield* Scope.addFinalizerExit(scope, (exit) => sessions.close(exit))
  if (schedule !== undefined) yield* Effect.forkIn(withoutParent(sessions.supervise(schedule)), scope)
  const random = yield* Randomness
  const copy: Copy = (source, to, copyOptions) =>
    copyLib(source, Context.get(context, Storage), makeUuidV7(random), to, copyOptions)
  // The scope frees the lock. It waits for the writer's end, which does not stop if the caller is interrupted.
  const close = Effect.ensuring(sessions.end, Scope.close(scope, Exit.void))
  return Lib.of(serve(sessions, Context.get(context, Storage), close, copy))
})

/** Provides the lib at `location`, which is open for as long as the layer is. */
export const layer = (location: string, options?: Options): Layer.Layer<Lib, OpenError | ReaderBusy, Storage> =>
  Layer.effect(Lib, open(location, options))

/**
 * Recovers a lib whose own meta is lost or damaged: creates a new lib, with a new id, around the tapes that have good
 * meta. Nobody may have the lib open. Open it afterwards.
 *
 * Takes the lock, and reads lib meta, all tape metas, all dynamic segments and some segments. Deletes nothing that is
 * not kept as `*.quarantine`. If it is interrupted, run it again. Fails with `NotDamaged` if the lib opens, and with
 * `RecoverAmbiguous` if two folders hold the same tape: move one of them away.
 *
 * @example
 * ```ts
 * const { tapes, invalid, unadopted } = yield* Lib.recover("./data")
 * yield* Effect.log(tapes.length, invalid, unadopted)
 * ```
 */
export const recover: (
  location: string,
  options?: RecoverLibOptions
) => Effect.Effect<RecoverLibReport, RecoverLibError | LibInvalid | LibLocked | ReadOnly, Storage> = (
  location,
  options = {}
) =>
  inSpan(
    () => ({ operation: "recover", location }),
    () => recoverAt(location, options)
  )

const recoverAt = Effect.fnUntraced(function* (location: string, options: RecoverLibOptions) {
  yield* checkLocation("Lib.recover", location)
  yield* checkOptions("Lib.recover", options, recoverLibChecks)
  const storage = yield* Storage
  const random = yield* Randomness
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const root = yield* Effect.mapError(storage.open(location, "recover"), (error) => fromStorage(error, location))
      yield* logWarnings(root)
      return yield* recoverLib(root, options, makeUuidV7(random))
    })
  )
})

/**
 * Restores a backup to `to`, an absent or empty place: all of it, or everything before the event at `upTo`. The restored
 * lib keeps all ids, positions, times, roles and user metadata, and begins a new lineage: whatever noted a `Place` in the
 * lib can ask `contains` whether it still holds. Open it afterwards.
 *
 * Copies all segments, and checks the SHA-256 of each on the way. If it is interrupted, nobody can open `to`; run it again
 * to continue. If a later backup into the same place was interrupted, restores the state before that one.
 *
 * @example
 * ```ts
 * yield* Lib.restore("/mnt/backup/orders", "./orders-before-the-mistake", { upTo: 1_204_311 })
 * ```
 */
export const restore: (
  backup: string,
  to: string,
  options?: RestoreOptions
) => Effect.Effect<RestoreReport, RestoreError, Storage> = (backup, to, options = {}) =>
  inSpan(
    () => ({ operation: "restore", location: to }),
    () => restoreTo(backup, to, options)
  )

const restoreTo = Effect.fnUntraced(function* (backup: string, to: string, options: RestoreOptions) {
  yield* checkLocation("Lib.restore", backup, "backup")
  yield* checkLocation("Lib.restore", to, "to")
  yield* checkOptions("Lib.restore", options, restoreChecks)
  const storage = yield* Storage
  const random = yield* Randomness
  return yield* restoreLib(options.storage ?? storage, backup, storage, to, makeUuidV7(random), options)
})

/**
 * Loads every part of the library that is otherwise loaded when it is first used, such as `backup` and `verify`. Takes
 * some 100 ms the first time.
 *
 * For a program that continues to run while its `node_modules` are replaced: a part that is loaded after that is not found. And for
 * simulations, in which the first call of an operation must take the same steps as the second.
 *
 * @example
 * ```ts
 * yield* Lib.preload
 * ```
 */
export const preload: Effect.Effect<void> = loadAll
