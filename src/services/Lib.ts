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
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import {
  type LibClosed,
  type LibInvalid,
  type LibLocked,
  type MetaInvalid,
  type ReaderBusy,
  ReadOnly,
  type TapeExists,
  type TapeNotFound
} from "../domain/format/Errors.ts"
import type { TapeListing } from "../domain/meta/LibState.ts"
import { closeBytesCeiling, type Limits } from "../domain/format/Limits.ts"
import type { InvalidTapeName } from "../domain/format/Names.ts"
import type { Placement } from "../domain/format/Placement.ts"
import { makeUuidV7 } from "../domain/base/Uuid.ts"
import type { FlushError } from "./write/flush.ts"
import type { CommitError } from "./write/CommitLoop.ts"
import type { LibHandle } from "./lib/LibHandle.ts"
import type { WriteError } from "./lib/WriterGuard.ts"
import { type Append, type AppendError, appendRecords, type Receipt } from "./write/appendRecords.ts"
import { register } from "./internals.ts"
import { fromStorage, type OpenError } from "./lib/OpenError.ts"
import { openWriter, type OpenReport } from "./lib/openWriter.ts"
import type { StuckFile } from "./journal/Journal.ts"
import { openReader, refreshReader } from "./lib/openReader.ts"
import type { LoadError } from "./lib/TapeRegistry.ts"
import type { OnProgress, Progress } from "./base/Progress.ts"
import {
  recoverLib,
  type RecoverLibError,
  type RecoverLibOptions,
  type RecoverLibReport
} from "./maintenance/recover/RecoverLib.ts"
import { type RecoverError, type RecoverReport, recoverTape } from "./maintenance/recover/RecoverTape.ts"
import { createTape, setTapeState } from "./lib/TapeCatalog.ts"
import { mergeSmall } from "./maintenance/repack/Repack.ts"
import { type VerifyOptions, type VerifyReport, verifyLib } from "./maintenance/verify/Verify.ts"
import { start, type Writer } from "./write/Writer.ts"
import { wholeNumber } from "../domain/base/wholeNumber.ts"
import { Randomness } from "./ports/Randomness.ts"
import { Sealing } from "./ports/Sealing.ts"
import { type Root, Storage, type StorageError } from "./ports/Storage.ts"

export type { Append, AppendError, CommitError, FlushError, Limits, LoadError, OpenError, OpenReport, Placement }
export type { OnProgress, Progress, Receipt, RecoverError, RecoverLibError, RecoverLibOptions, RecoverLibReport }
export type { RecoverReport, StuckFile, TapeListing, VerifyOptions, VerifyReport, WriteError }

/** Options of opening a lib. */
export interface Options {
  /**
   * `write` (the default) takes the writer's lock, and creates the lib if it does not exist. `read` takes no lock and
   * writes nothing; it can be used while a writer has the lib open.
   */
  readonly mode?: "write" | "read"
  /** Limits of a new lib. An existing lib must have the given ones, else opening fails with `SettingsMismatch`. */
  readonly limits?: Partial<Limits>
  /**
   * Placement of streams on tapes in a new lib. An existing lib must have the given one, else opening fails with
   * `SettingsMismatch`. Default: by category.
   */
  readonly placement?: Placement
  /** Size in bytes at which a dynamic segment is closed. Default: 64 MiB; at most 512 MiB. */
  readonly closeBytes?: number
  /** Age at which a dynamic segment is closed, counted from its first batch. Default: 60 seconds. */
  readonly closeAfter?: Duration.Input
  /**
   * Number of dynamic segments that may wait to be closed. If there are more, appends wait too. Default: 4; at least 1.
   */
  readonly backlogMax?: number
  /**
   * Number of small segments at the end of a tape that makes the writer merge them, in the background after a close. A
   * segment is small if it has less than half of `closeBytes`. At least 2. Default: never; `Tape.repack` merges on
   * demand.
   */
  readonly mergeSegments?: number
}

/** The last durable batch of a lib, and the position of the next event. */
export interface Durable {
  /** Number of the last durable batch; 0 before the first one. */
  readonly batch: number
  /** Position of the next event, which is the number of durable events. */
  readonly position: number
}

/**
 * An open lib, as a service. Get one from `layer` or `open`.
 *
 * Calls of a closed lib fail with `LibClosed`, writes of a reader with `ReadOnly`. After a failed write or sync every
 * further write fails with `WriterPoisoned`: close the lib and open it again. Reads continue.
 */
export class Lib extends Context.Service<
  Lib,
  {
    /** UUID of the lib. */
    readonly id: string
    /** Location as it was opened, such as the path of a folder. */
    readonly location: string
    /** `write` for the lib's one writer, `read` for a reader. */
    readonly mode: "write" | "read"
    /** Time of creation, in ISO 8601. */
    readonly created: string
    /** Limits that the lib was created with. */
    readonly limits: Limits
    /** Placement of streams on tapes that the lib was created with. */
    readonly placement: Placement
    /** Report of opening: creation, takeover after an interrupted writer, a torn end that was set aside, warnings. */
    readonly report: OpenReport
    /** Returns all tapes by name, including archived ones. Reads nothing. */
    readonly tapes: Effect.Effect<ReadonlyArray<TapeListing>>
    /** Returns the last durable batch and the position of the next event. Reads nothing. */
    readonly durable: Effect.Effect<Durable>
    /**
     * Returns the dynamic segments that cannot be closed, oldest first, because a tape with records in them cannot be
     * flushed. Nothing is lost, but these files and all later ones stay until `recoverTape` has recovered that tape.
     * Empty in a reader.
     */
    readonly stuck: Effect.Effect<ReadonlyArray<StuckFile>>
    /**
     * Creates a tape, durably (2 files and 2 folders are synced). Tape names are lower-case file names;
     * `Names.encodeTapeName` turns any text into one. Fails with `InvalidTapeName`, or with `TapeExists` if the name is
     * taken. `MetaInvalid` means that lib meta has no room for another tape: nothing was created.
     */
    readonly createTape: (
      name: string
    ) => Effect.Effect<TapeListing, InvalidTapeName | TapeExists | MetaInvalid | StorageError | WriteError>
    /** Archives a tape: from now on it refuses appends with `TapeArchived`. It can still be read. Costs one sync. */
    readonly archive: (name: string) => Effect.Effect<void, TapeNotFound | WriteError>
    /** Activates an archived tape: it accepts appends again. Costs one sync. */
    readonly activate: (name: string) => Effect.Effect<void, TapeNotFound | WriteError>
    /**
     * Appends records to several tapes as one atomic batch: after a crash all of it is there, or nothing. Returns
     * receipts in the order of `appends`. Cost and errors are those of `Tape.append`.
     *
     * @example
     * ```ts
     * yield* lib.commit([
     *   { tape: "readings", records: [{ $type: "Reading", celsius: 20 }] },
     *   { tape: "journal", records: [{ $type: "Note", text: "warmer" }] }
     * ])
     * ```
     */
    readonly commit: (appends: ReadonlyArray<Append>) => Effect.Effect<ReadonlyArray<Receipt>, AppendError>
    /**
     * Recovers a tape that lost its meta, or whose meta is damaged, from its segments and the dynamic segments. The
     * tape keeps its name and gets a new id; its user metadata is lost. The report lists what was recovered and what is
     * lost.
     *
     * Reads the whole tape; commits wait meanwhile. Deletes nothing. Fails with `NotDamaged` if the tape opens. Fails
     * with `RecoverAmbiguous` if there is more than one way to rebuild the tape: move the files that do not belong to
     * it out of its folder, and call it again.
     */
    readonly recoverTape: (
      name: string,
      options?: { readonly onProgress?: OnProgress }
    ) => Effect.Effect<RecoverReport, RecoverError>
    /**
     * Checks the whole lib from the disk and lists every defect. `ok` is false if there is one; it does not fail
     * because of one. Reads everything, while appends and reads continue. A writer rebuilds damaged indexes on the disk, a
     * reader keeps rebuilt ones in memory.
     */
    readonly verify: (options?: VerifyOptions) => Effect.Effect<VerifyReport, LibClosed>
    /**
     * Moves a reader's view to what is acknowledged now. The view never goes back. Does nothing in a writer. Fails with
     * `ReaderBusy` if the lib changed during each of eight scans: try again.
     */
    readonly refresh: Effect.Effect<void, OpenError | ReaderBusy | LibClosed>
    /**
     * Ends the lib now rather than when the scope closes, and frees its lock: afterwards it can be opened again, within
     * the same scope too. Fails with what went wrong. What was acknowledged is safe in either case.
     */
    readonly close: Effect.Effect<void, FlushError | LoadError>
  }
>()("litetapes/Lib") {}

const MiB = 1024 * 1024

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
) => Effect.Effect<Lib["Service"], OpenError | ReaderBusy, Storage | Scope.Scope> = Effect.fn("Lib.open")(function* (
  location: string,
  options: Options = {}
) {
  // In a scope of its own, so that a failed opening frees its lock immediately and not only with the caller's scope.
  const scope = yield* Scope.fork(yield* Scope.Scope)
  return yield* openIn(scope, location, options).pipe(
    Scope.provide(scope),
    Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
  )
})

const openIn = Effect.fnUntraced(function* (scope: Scope.Closeable, location: string, options: Options) {
  const storage = yield* Storage
  const random = yield* Randomness
  const root = yield* Effect.mapError(storage.open(location, options.mode ?? "write"), (error) =>
    fromStorage(error, location)
  )
  yield* logWarnings(root)
  const settings = settingsOf(options)
  if (root.mode === "read") {
    const handle = yield* openReader(root, settings, options)
    yield* Scope.addFinalizer(
      scope,
      Effect.sync(() => handle.guard.close())
    )
    const close = Effect.ensuring(
      Effect.sync(() => handle.guard.close()),
      Scope.close(scope, Exit.void)
    )
    return serve(handle, undefined, close, { ...readerReport, warnings: root.warnings ?? [] })
  }
  const sealing = yield* yield* Sealing
  const { handle, report } = yield* openWriter(root, { ...options, settings, sealing, uuid: makeUuidV7(random) })
  const writer = yield* start(handle, scope, mergeSmall)
  // Registered last, so it runs first, while the writer's fibres can still finish what was submitted.
  yield* Scope.addFinalizer(scope, closeQuietly(handle, writer))
  // The scope frees the lock. It waits for the writer's end, which does not stop if the caller is interrupted.
  const close = Effect.ensuring(writer.close, Scope.close(scope, Exit.void))
  return serve(handle, writer, close, report)
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
) => Effect.Effect<RecoverLibReport, RecoverLibError | LibInvalid | LibLocked | ReadOnly, Storage> = Effect.fn(
  "Lib.recover"
)(function* (location: string, options: RecoverLibOptions = {}) {
  const storage = yield* Storage
  const random = yield* Randomness
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const root = yield* Effect.mapError(storage.open(location, "recover"), (error) => fromStorage(error, location))
      return yield* recoverLib(root, options, makeUuidV7(random))
    })
  )
})

const settingsOf = (options: Options) => ({
  closeBytes: Math.min(closeBytesCeiling, wholeNumber("closeBytes", options.closeBytes, 64 * MiB)),
  closeAfterMillis: Duration.toMillis(Duration.fromInputUnsafe(options.closeAfter ?? "60 seconds")),
  backlogMax: Math.max(1, wholeNumber("backlogMax", options.backlogMax, 4)),
  mergeSegments:
    options.mergeSegments === undefined
      ? undefined
      : Math.max(2, wholeNumber("mergeSegments", options.mergeSegments, 2))
})

const readerReport = { created: false, recovered: false, metaTailDropped: false }

const logWarnings = ({ warnings = [] }: Root): Effect.Effect<void> =>
  Effect.forEach(warnings, ({ place, why }) => Effect.logWarning(`litetapes: ${place}: ${why}`), { discard: true })

const closeQuietly = ({ location }: LibHandle, writer: Writer): Effect.Effect<void> =>
  Effect.matchEffect(writer.close, {
    onFailure: (error) =>
      Effect.logWarning(
        `litetapes: ${location}: the clean close failed, nothing acknowledged is lost, the next open takes it over: ${error.message}`
      ),
    onSuccess: () => Effect.void
  })

const serve = (
  handle: LibHandle,
  writer: Writer | undefined,
  close: Lib["Service"]["close"],
  report: OpenReport
): Lib["Service"] => {
  const { guard, journal, location, meta, root } = handle
  const { state } = meta
  const lib = Lib.of({
    id: state.lib,
    location,
    mode: root.mode,
    created: state.created,
    limits: state.limits,
    placement: state.placement,
    report,
    tapes: Effect.sync(() => [...meta.state.tapes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))),
    durable: Effect.sync(() => ({ batch: journal.durable.batch, position: journal.durable.position })),
    stuck: Effect.sync(() => journal.stuck),
    createTape: (name) => createTape(handle, name, "records"),
    archive: (name) => setTapeState(handle, name, "archived"),
    activate: (name) => setTapeState(handle, name, "active"),
    commit: (appends) =>
      writer === undefined ? Effect.andThen(guard.check, readOnly(root)) : appendRecords(handle, writer.loop, appends),
    recoverTape: (name, recoverOptions = {}) =>
      writer === undefined ? readOnly(root) : writer.exclusively(recoverTape(handle, name, recoverOptions.onProgress)),
    verify: (verifyOptions) => Effect.andThen(guard.checkOpen, verifyLib(handle, verifyOptions)),
    refresh: Effect.andThen(guard.checkOpen, writer === undefined ? refreshReader(handle) : Effect.void),
    close
  })
  register(lib, { handle, writer })
  return lib
}

const readOnly = (root: Root) => Effect.fail(new ReadOnly({ location: root.location }))
