/** What an open lib offers. */
import type * as Effect from "effect/Effect"
import type { InvalidArgument, LibClosed, ReaderBusy, TapeNotFound } from "../domain/format/Errors.ts"
import type { Place } from "../domain/meta/LibHistory.ts"
import type { TapeListing } from "../domain/meta/LibState.ts"
import type { Limits } from "../domain/format/Limits.ts"
import type { Placement } from "../domain/format/Placement.ts"
import type { FlushError } from "./write/flush.ts"
import type { WriteError } from "./lib/WriterGuard.ts"
import type { Append, AppendError, Receipt } from "./write/appendRecords.ts"
import type { ConsumerCheckpoint } from "./lib/checkpoints.ts"
import type { CreateTapeError } from "./lib/TapeCatalog.ts"
import type { OpenError } from "./lib/OpenError.ts"
import type { OpenReport } from "./lib/openWriter.ts"
import type { StuckFile } from "./journal/Journal.ts"
import type { LoadError } from "./lib/TapeRegistry.ts"
import type { OnProgress } from "./base/Progress.ts"
import type { BackupError, BackupOptions, BackupReport } from "./maintenance/backup/Backup.ts"
import type { CopyError, CopyOptions, CopyReport } from "./maintenance/copy/CopyLib.ts"
import type { RecoverError, RecoverReport } from "./maintenance/recover/RecoverTape.ts"
import type { AcceptLossError } from "./maintenance/salvage/acceptLoss.ts"
import type { SalvageError, SalvageOptions, SalvageReport } from "./maintenance/salvage/SalvageTape.ts"
import type { VerifyOptions, VerifyReport } from "./maintenance/verify/VerifyReport.ts"
import type { ReopenError } from "./Sessions.ts"

/** The last durable batch of a lib, and the position of the next event. */
export interface Durable {
  /** Number of the last durable batch; 0 before the first one. */
  readonly batch: number
  /** Position of the next event, which is the number of durable events. */
  readonly position: number
}

/** Options of recovering a tape. */
export interface RecoverTapeOptions {
  /** Receives the progress after each file. */
  readonly onProgress?: OnProgress
}

/** An open lib. Get one from `Lib.layer` or `Lib.open`. */
export interface LibService {
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
   * Returns the checkpoints of consumers that this lib keeps (`CheckpointStore.layerLib`, and appends with a
   * `checkpoint`), sorted by name. A reader returns them as of its last refresh. Reads nothing.
   */
  readonly checkpoints: Effect.Effect<ReadonlyArray<ConsumerCheckpoint>>
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
  readonly createTape: (name: string) => Effect.Effect<TapeListing, CreateTapeError>
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
  readonly recoverTape: (name: string, options?: RecoverTapeOptions) => Effect.Effect<RecoverReport, RecoverError>
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
  readonly verify: (options?: VerifyOptions) => Effect.Effect<VerifyReport, LibClosed | InvalidArgument>
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
