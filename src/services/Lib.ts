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
import * as Schedule from "effect/Schedule"
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
import { containsPlace, type Place } from "../domain/meta/LibHistory.ts"
import { lineageOf, type TapeListing } from "../domain/meta/LibState.ts"
import { closeBytesCeiling, type Limits } from "../domain/format/Limits.ts"
import type { InvalidTapeName } from "../domain/format/Names.ts"
import type { Placement } from "../domain/format/Placement.ts"
import { makeUuidV7 } from "../domain/base/Uuid.ts"
import type { FlushError } from "./write/flush.ts"
import type { CommitError } from "./write/CommitLoop.ts"
import type { LibHandle } from "./lib/LibHandle.ts"
import type { WriteError } from "./lib/WriterGuard.ts"
import { type Append, type AppendError, appendRecords, type Receipt } from "./write/appendRecords.ts"
import { register, withSession } from "./internals.ts"
import { fromStorage, type OpenError } from "./lib/OpenError.ts"
import type { OpenReport } from "./lib/openWriter.ts"
import type { StuckFile } from "./journal/Journal.ts"
import { refreshReader } from "./lib/openReader.ts"
import type { LoadError } from "./lib/TapeRegistry.ts"
import type { OnProgress, Progress } from "./base/Progress.ts"
import { backup, type BackupError, type BackupOptions, type BackupReport } from "./maintenance/backup/Backup.ts"
import { restore as restoreLib } from "./maintenance/backup/Restore.ts"
import type { RestoreError, RestoreOptions, RestoreReport } from "./maintenance/backup/Restore.ts"
import {
  recoverLib,
  type RecoverLibError,
  type RecoverLibOptions,
  type RecoverLibReport
} from "./maintenance/recover/RecoverLib.ts"
import { copyLib, type CopyError, type CopyOptions, type CopyReport } from "./maintenance/copy/CopyLib.ts"
import { type RecoverError, type RecoverReport, recoverTape } from "./maintenance/recover/RecoverTape.ts"
import { acceptLoss, type AcceptLossError } from "./maintenance/salvage/acceptLoss.ts"
import {
  type SalvageError,
  type SalvageOptions,
  type SalvageReport,
  salvageTape
} from "./maintenance/salvage/SalvageTape.ts"
import { createTape, setTapeState } from "./lib/TapeCatalog.ts"
import { type VerifyOptions, type VerifyReport, verifyLib } from "./maintenance/verify/Verify.ts"
import { logWarnings, openSession, openWriterSession } from "./openSession.ts"
import { defaultSchedule, type ReopenError, type Session, Sessions } from "./Sessions.ts"
import { wholeNumber } from "../domain/base/wholeNumber.ts"
import { Randomness } from "./ports/Randomness.ts"
import { type Root, Storage, type StorageError } from "./ports/Storage.ts"

export type {
  Append,
  AppendError,
  CommitError,
  CopyError,
  CopyOptions,
  CopyReport,
  FlushError,
  Limits,
  LoadError,
  OpenError,
  OpenReport,
  Placement
}
export type { BackupError, BackupOptions, BackupReport, Place, RestoreError, RestoreOptions, RestoreReport }
export type { OnProgress, Progress, Receipt, RecoverError, RecoverLibError, RecoverLibOptions, RecoverLibReport }
export type { AcceptLossError, SalvageError, SalvageOptions, SalvageReport }
export type { RecoverReport, ReopenError, StuckFile, TapeListing, VerifyOptions, VerifyReport, WriteError }

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
   * `SettingsMismatch`. Default: `category-or-shared`.
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
   * When the writer merges small segments at the end of a tape. By default their sizes decide: segments of less than a
   * 16th of `closeBytes` (4 MiB) are merged once together they have four times the bytes of the first of them. So a tape
   * has only a few small segments, and a record is copied once for each power of four. The merges after one close copy
   * at most a quarter of `closeBytes` (16 MiB), in the background; those of a clean close a 64th (1 MiB). Segments that
   * a repack compressed, deduplicated or put into shard folders are left.
   *
   * A number, at least 2: in the background after a close, once so many segments at the end have less than half of
   * `closeBytes`, merges all of them. `false`: never. `Tape.repack` merges on demand.
   */
  readonly mergeSegments?: number | false
  /**
   * Whether the lib opens itself again after its writer has stopped, as `reopen` of the service does. The first attempt
   * follows at once. After a failed one, and if the writer stops again within 30 seconds, the schedule says when to try
   * again; once it ends, only a call of `reopen` opens the lib. With `true` it waits 100 ms, then twice as long each
   * time, up to 30 seconds, and never ends. A reader ignores this. Default: false.
   */
  readonly reopen?: boolean | Schedule.Schedule<unknown>
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
 * further write fails with `WriterPoisoned`: call `reopen`, or set it in the options. Reads continue until then.
 */
export class Lib extends Context.Service<
  Lib,
  {
    /** UUID of the lib. */
    readonly id: string
    /**
     * UUID of the lineage: the id of the lib until its first restore, then a new one for each restore. Together with lib
     * and position it is what to keep outside the lib (`Place`). In a reader of a backup, `refresh` may change it.
     */
    readonly lineage: string
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
    /** Report of the last opening: creation, takeover after an interrupted writer, a torn end that was set aside, warnings. */
    readonly report: OpenReport
    /** Returns all tapes by name, including archived ones. Reads nothing. */
    readonly tapes: Effect.Effect<ReadonlyArray<TapeListing>>
    /** Returns the last durable batch and the position of the next event. Reads nothing. */
    readonly durable: Effect.Effect<Durable>
    /**
     * Returns whether the event at `place` is in the history of this lib, as far as it goes now. It is not if the lib was
     * restored to an earlier position since the place was noted. Reads nothing.
     */
    readonly contains: (place: Place) => Effect.Effect<boolean>
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
     * Salvages a tape with damaged or missing segments: keeps every record that a checksum proves, and lists what is
     * lost in tape meta. The tape keeps its name and its user metadata, and gets a new id. Streams that lost nothing
     * continue; reads that pass the loss fail with `RecordsLost` or `EventsLost` until `acceptLoss`. No lost revision
     * or position is ever given again.
     *
     * With its index, a segment loses only its damaged blocks, of 64 KiB. Without one, a compressed segment loses its
     * damaged frames, and an uncompressed one is lost whole, since a changed line may still look like a record. The
     * damaged files stay where they are.
     *
     * Reads the whole tape and rewrites it from the first damaged segment on, which needs that much room; commits wait
     * meanwhile. If it is interrupted, run it again. Fails with `NotDamaged` if every segment is the one that meta
     * lists. If the tape does not open, because its meta is lost or damaged, use `recoverTape`.
     */
    readonly salvageTape: (name: string, options?: SalvageOptions) => Effect.Effect<SalvageReport, SalvageError>
    /**
     * Accepts everything that a tape has lost, durably (1 file and 1 folder are synced). From then on, reads continue
     * after lost records without `allowGaps`, and a stream is at the last revision that it still has. Its next event
     * gets a revision that no lost event can have had, so its revisions have a gap. Waiting appends to the tape fail
     * with `TapeInvalid`: read the stream again, and repeat them.
     */
    readonly acceptLoss: (name: string) => Effect.Effect<void, AcceptLossError>
    /**
     * Checks the whole lib from the disk and lists every defect. `ok` is false if there is one; it does not fail
     * because of one. Reads everything, while appends and reads continue. A writer rebuilds damaged indexes on the disk, a
     * reader keeps rebuilt ones in memory.
     */
    readonly verify: (options?: VerifyOptions) => Effect.Effect<VerifyReport, LibClosed>
    /**
     * Copies the lib to `to`, which must be absent or empty, as a lib of its own with another placement or other limits.
     * Events keep their bytes: id, time, position, revision, tags and metadata. Tapes of records keep their names and
     * roots. User metadata and the archived state stay with the name of a tape; `left` of the report says what had no
     * tape to stay with.
     *
     * Copies one moment, while appends continue, and reads the copy back before it is a lib. Until then, or if it is
     * interrupted, nothing opens it: delete it and copy again. Fails with `BeyondLimits` before anything is written if
     * a record does not fit the new limits. Fails with `PositionGap` if events are missing, unless `allowGaps` is set.
     *
     * @example
     * ```ts
     * const { events, left } = yield* lib.copy("./data-2", { placement: { kind: "category-or-shared" } })
     * ```
     */
    readonly copy: (to: string, options?: CopyOptions) => Effect.Effect<CopyReport, CopyError>
    /**
     * Backs the lib up to another place: the state of the last acknowledged batch, over all tapes, while appends and reads
     * continue. A reader backs up what is acknowledged now. The backup is a lib that readers can open and that nobody can
     * write to; `restore` makes a lib of it again.
     *
     * Copies the segments that the target does not have yet, and checks the SHA-256 of each on the way. Replaces the metas
     * last: if it is interrupted, the backup before it can still be restored, and the next run continues. `target` is
     * absent, empty, or an earlier backup of this lib: else it fails with `NotABackup` or `OtherHistory`.
     *
     * @example
     * ```ts
     * const { place, copied } = yield* lib.backup("/mnt/backup/orders")
     * yield* Effect.log(place.position, copied.bytes)
     * ```
     */
    readonly backup: (target: string, options?: BackupOptions) => Effect.Effect<BackupReport, BackupError>
    /**
     * Moves a reader's view to what is acknowledged now. The view never goes back. Does nothing in a writer. Fails with
     * `ReaderBusy` if the lib changed during each of eight scans: try again.
     */
    readonly refresh: Effect.Effect<void, OpenError | ReaderBusy | LibClosed>
    /**
     * Opens the lib again after its writer has stopped (`CommitOutcomeUnknown`, `WriterPoisoned`): closes it, frees the
     * lock, and takes over what is on the disk. Does nothing if the writer has not stopped, and in a reader. Nothing is
     * appended again; repeat an append with the same event ids. This lib, and every event store and tape of it, can be
     * used as before.
     *
     * Concurrent calls share one attempt, and new calls of the lib wait for its end. An attempt continues if its caller
     * is interrupted. Reads that were under way, and `Segment`s from before, fail with `LibClosed`. Costs what opening
     * costs.
     *
     * Fails as `open` does, such as with `LibLocked`. The lib is then closed: reads fail with `LibClosed`, writes with
     * `WriterPoisoned`, until a later `reopen` succeeds. Never creates a lib: `LibInvalid` or `IdentityMismatch` means
     * that it was removed, replaced or restored, `AckedDataLost` that it lacks batches that this lib had acknowledged.
     *
     * @example
     * ```ts
     * const place = store.append("order-17", [{ type: "OrderPlaced", id: "placed-17", data: {} }])
     * yield* Effect.catchTag(place, ["CommitOutcomeUnknown", "WriterPoisoned"], () => Effect.andThen(lib.reopen, place))
     * ```
     */
    readonly reopen: Effect.Effect<void, ReopenError>
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
  const opening = { location, mode: options.mode ?? "write", options, settings: settingsOf(options) }
  const schedule = opening.mode === "write" ? scheduleOf(options.reopen) : undefined
  const context = yield* Effect.context<Storage>()
  const first = yield* Scope.fork(scope)
  const sessions = new Sessions(yield* openSession(first, opening), first, (next, { handle }) => {
    const before = { lineage: lineageOf(handle.meta.state), batch: handle.journal.durable.batch }
    return Effect.provideContext(openWriterSession(next, opening, before), context)
  })
  yield* Scope.addFinalizerExit(scope, (exit) => sessions.close(exit))
  if (schedule !== undefined) yield* Effect.forkIn(sessions.supervise(schedule), scope)
  const random = yield* Randomness
  const copy: Copy = (source, to, copyOptions) =>
    copyLib(source, Context.get(context, Storage), makeUuidV7(random), to, copyOptions)
  // The scope frees the lock. It waits for the writer's end, which does not stop if the caller is interrupted.
  const close = Effect.ensuring(sessions.end, Scope.close(scope, Exit.void))
  return serve(sessions, Context.get(context, Storage), close, copy)
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
) => Effect.Effect<RestoreReport, RestoreError, Storage> = Effect.fn("Lib.restore")(function* (
  backup: string,
  to: string,
  options: RestoreOptions = {}
) {
  const storage = yield* Storage
  const random = yield* Randomness
  return yield* restoreLib(options.storage ?? storage, backup, storage, to, makeUuidV7(random), options)
})

const settingsOf = (options: Options) => ({
  closeBytes: Math.min(closeBytesCeiling, wholeNumber("closeBytes", options.closeBytes, 64 * MiB)),
  closeAfterMillis: Duration.toMillis(Duration.fromInputUnsafe(options.closeAfter ?? "60 seconds")),
  backlogMax: Math.max(1, wholeNumber("backlogMax", options.backlogMax, 4)),
  mergeSegments:
    options.mergeSegments === undefined || options.mergeSegments === false
      ? options.mergeSegments
      : Math.max(2, wholeNumber("mergeSegments", options.mergeSegments, 2))
})

const scheduleOf = (reopen: Options["reopen"]): Schedule.Schedule<unknown> | undefined => {
  if (reopen === undefined || reopen === false) return undefined
  if (reopen === true) return defaultSchedule
  if (!Schedule.isSchedule(reopen)) throw new TypeError("reopen must be true, false or a Schedule")
  return reopen
}

type Copy = (source: LibHandle, to: string, options?: CopyOptions) => Effect.Effect<CopyReport, CopyError>

const serve = (
  sessions: Sessions,
  storage: Storage["Service"],
  close: Lib["Service"]["close"],
  copy: Copy
): Lib["Service"] => {
  const { location, meta, root } = sessions.current.handle
  const { created, lib: id, limits, placement } = meta.state
  const using = <A, E>(use: (session: Session) => Effect.Effect<A, E>) =>
    withSession<Session, A, E, never>(sessions, use)
  const now = <A>(read: (handle: LibHandle) => A) => Effect.sync(() => read(sessions.current.handle))
  const lib = Lib.of({
    id,
    get lineage() {
      return lineageOf(sessions.current.handle.meta.state)
    },
    location,
    mode: root.mode === "read" ? "read" : "write",
    created,
    limits,
    placement,
    get report() {
      return sessions.current.report
    },
    tapes: now(({ meta: { state } }) => [...state.tapes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))),
    durable: now(({ journal: { durable } }) => ({ batch: durable.batch, position: durable.position })),
    contains: (place) => now(({ journal, meta: { state } }) => containsPlace(state, journal.durable.position, place)),
    stuck: now(({ journal }) => journal.stuck),
    createTape: (name) => using(({ handle }) => createTape(handle, name, "records")),
    archive: (name) => using(({ handle }) => setTapeState(handle, name, "archived")),
    activate: (name) => using(({ handle }) => setTapeState(handle, name, "active")),
    commit: (appends) =>
      using(({ handle, writer }) =>
        writer === undefined
          ? Effect.andThen(handle.guard.check, readOnly(root))
          : appendRecords(handle, writer.loop, appends)
      ),
    recoverTape: (name, recoverOptions = {}) =>
      using(({ handle, writer }) =>
        writer === undefined ? readOnly(root) : writer.exclusively(recoverTape(handle, name, recoverOptions.onProgress))
      ),
    salvageTape: (name, salvageOptions) =>
      using(({ handle, writer }) =>
        writer === undefined ? readOnly(root) : writer.exclusively(salvageTape(handle, name, salvageOptions))
      ),
    acceptLoss: (name) =>
      using(({ handle, writer }) =>
        writer === undefined ? readOnly(root) : writer.exclusively(acceptLoss(handle, name))
      ),
    verify: (verifyOptions) =>
      using(({ handle, report: { tornTail }, writer }) =>
        Effect.map(Effect.andThen(handle.guard.checkOpen, verifyLib(handle, verifyOptions)), (verified) =>
          writer === undefined || tornTail === undefined ? verified : { ...verified, tornTail }
        )
      ),
    copy: (to, copyOptions) => using(({ handle }) => copy(handle, to, copyOptions)),
    backup: (target, backupOptions = {}) =>
      using(({ handle }) => backup(handle, backupOptions.storage ?? storage, target, backupOptions)),
    refresh: using(({ handle, writer }) =>
      Effect.andThen(handle.guard.checkOpen, writer === undefined ? refreshReader(handle) : Effect.void)
    ),
    reopen: sessions.reopen,
    close
  })
  register(lib, sessions)
  return lib
}

const readOnly = (root: Root) => Effect.fail(new ReadOnly({ location: root.location }))
