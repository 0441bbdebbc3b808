/** What an open tape offers. */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { InvalidArgument, MetaInvalid, RecordsLost, SegmentMissing, TapeInvalid } from "../domain/format/Errors.ts"
import type { Json, JsonObject } from "../domain/json/TaraSON.ts"
import type { TaraSONError } from "../domain/json/TaraSONError.ts"
import type { ConsistencyProof, Head, InclusionProof } from "../domain/merkle/Proof.ts"
import type { TapeListing } from "../domain/meta/LibState.ts"
import type { TapeState } from "../domain/meta/TapeState.ts"
import type { ReloadError } from "./HeldTape.ts"
import type { LoadError } from "./lib/TapeRegistry.ts"
import type { WriteError } from "./lib/WriterGuard.ts"
import type { LibService } from "./LibService.ts"
import type { CloneError, CloneOptions } from "./maintenance/Clone.ts"
import type { CheckHeadError, ConsistencyError, HeadError, InclusionError, ProofOptions } from "./maintenance/Proofs.ts"
import type { RepackError, RepackOptions, RepackReport } from "./maintenance/repack/Repack.ts"
import type { VerifyOptions, VerifyReport } from "./maintenance/verify/VerifyReport.ts"
import type { StorageError } from "./ports/Storage.ts"
import type { ReadError as ChunkError } from "./read/RecordReader.ts"
import type { RecordRange } from "./read/RecordStream.ts"
import type { SegmentInfo, SegmentShape } from "./read/SegmentService.ts"
import type { AppendError, Receipt } from "./write/appendRecords.ts"
import type { FlushError } from "./write/flush.ts"

/** Errors of reading records. Bytes are returned only after their checksum matched. */
export type ReadError = ChunkError | ReloadError

/** Description of a tape. */
export interface Meta {
  /** UUID of the tape. A recovery gives the tape a new one. */
  readonly tape: string
  /** Name of the tape, which is that of its folder. */
  readonly name: string
  /** UUID of the lib. */
  readonly lib: string
  /** `records`: anyone appends with `append`. `events`: only the event store appends. */
  readonly role: "records" | "events"
  /** `archived` tapes refuse appends. */
  readonly state: "active" | "archived"
  /** Time of creation of this tape, in ISO 8601. */
  readonly created: string
  /** How the tape came to be: created, cloned from another tape, or recovered. */
  readonly origin: TapeState["origin"]
  /** All records, those that are not in segments yet included. */
  readonly records: number
  /** Number of closed segments. */
  readonly segments: number
  /** Values that were set with `setUserMeta`. */
  readonly userMeta: { readonly [key: string]: Json }
}

/**
 * Errors of changing user metadata. After `WriterPoisoned` the change may or may not have taken effect, after any other
 * error it has not.
 */
export type UserMetaError = WriteError | StorageError | MetaInvalid | TapeInvalid | LoadError | TaraSONError

/** An open tape. Get one from `Tape.make`, `Tape.makeOrCreate` or `Tape.layer`. */
export interface TapeService {
  /** Name of the tape. */
  readonly name: string
  /** UUID of the tape, which does not depend on its records. A recovery gives the tape a new one. */
  readonly id: string
  /** Returns the description of the tape. Reads nothing. */
  readonly meta: Effect.Effect<Meta, ReloadError>
  /** Returns the number of durable records, including those that are in no segment yet. Reads nothing. */
  readonly size: Effect.Effect<number, ReloadError>
  /**
   * Appends records as one atomic batch. On success the records have been synced: they survive a power loss.
   * Interrupting a queued append removes it; once it is in a batch, the interruption waits for the outcome.
   *
   * Costs one write and one sync, shared with all appends that wait at the same time. Fails with `TaraSONError` if a
   * record cannot be stored (the pointer says where), `TapeArchived`, `TapeOwned` for a tape of events, or
   * `BatchTooLarge`. After `CommitOutcomeUnknown`, call `lib.reopen` and look: the batch is there whole or not at all.
   * After any other error nothing was appended.
   *
   * @example
   * ```ts
   * const receipt = yield* tape.append([{ $type: "Reading", celsius: 19.5 }])
   * yield* Effect.log(receipt.firstOrdinal, receipt.batch)
   * ```
   */
  readonly append: (records: ReadonlyArray<unknown>) => Effect.Effect<Receipt, AppendError>
  /**
   * Reads the records from ordinal `from` up to but not including `to`, or the same range backwards with `reverse`.
   * Ends where the tape ended when the stream started. Uses constant memory. Every block is checked before its
   * records are returned; damage fails with `SegmentCorrupt`: restore the file from a copy, or use
   * `Lib.salvageTape`. A read that passes lost records fails with `RecordsLost`, unless it has `allowGaps` or
   * somebody has accepted the loss.
   */
  readonly records: (range?: RecordRange) => Stream.Stream<JsonObject, ReadError | RecordsLost | InvalidArgument>
  /** Returns the closed segments in order. Reads nothing. */
  readonly segments: Effect.Effect<ReadonlyArray<SegmentInfo>, ReloadError>
  /** Streams the closed segments in order, so that each can be read or verified. */
  readonly iterateSegments: Stream.Stream<SegmentShape, ReloadError>
  /**
   * Copies the records that are in no segment yet into a new segment, now instead of at the next close (2 files and 2
   * folders are synced). Returns the segment, or `undefined` if there was nothing to copy.
   */
  readonly appendSegment: Effect.Effect<SegmentInfo | undefined, FlushError | WriteError | ReloadError>
  /**
   * Returns the closed segment with this number. Reads nothing. Fails with `SegmentMissing` if tape meta does not
   * list it.
   */
  readonly segment: (number: number) => Effect.Effect<SegmentShape, SegmentMissing | ReloadError>
  /** Reads the records of the closed segment with this number. */
  readonly readSegment: (number: number) => Stream.Stream<JsonObject, ReadError>
  /**
   * Checks every byte of a closed segment against meta: length, SHA-256, lines, number of records, Merkle state.
   * Reads the whole file. Fails with `SegmentCorrupt` or `SegmentMissing`: restore the file from a copy.
   */
  readonly verifySegment: (number: number) => Effect.Effect<SegmentInfo, ReadError>
  /**
   * Returns the tape's id, number of records and root, up to the last acknowledged batch. Store it where nobody who
   * can write the tape can write. A writer flushes the tape first; records in segments are not read again.
   */
  readonly head: Effect.Effect<Head, HeadError | ReloadError>
  /** Returns the RFC 9162 tree hash of the logical stream, in hex: the root of `head`. */
  readonly root: Effect.Effect<string, HeadError | ReloadError>
  /**
   * Fails with `HeadMismatch` unless the tape still starts with exactly the records of `expected`. Reads and hashes
   * all of them.
   */
  readonly checkHead: (expected: Head) => Effect.Effect<void, CheckHeadError | ReloadError>
  /**
   * Returns a proof that the record at `ordinal` is on the tape. `Proof.checkInclusion` checks it without the store.
   * Reads and hashes the whole tape. Fails with `RecordNotFound` if there is no such record.
   */
  readonly proveInclusion: (
    ordinal: number,
    options?: ProofOptions
  ) => Effect.Effect<InclusionProof, InclusionError | ReloadError>
  /**
   * Returns a proof that the tape has only grown since `earlier`. `Proof.checkConsistency` checks it without the
   * store. Reads and hashes the whole tape. Fails with `HeadMismatch` if the tape does not start with the records of
   * `earlier`.
   */
  readonly proveConsistency: (
    earlier: Head,
    options?: ProofOptions
  ) => Effect.Effect<ConsistencyProof, ConsistencyError | ReloadError>
  /**
   * Rewrites the records into other segments: merged, split, compressed or deduplicated. The logical stream and the
   * id stay the same. Appends and reads continue meanwhile. Rewrites from the first segment that does not match the
   * options to the end, reads the result back, and changes meta in one step. If it fails or is interrupted, it
   * removes its output.
   *
   * @example
   * ```ts
   * const { bytesBefore, bytesAfter } = yield* tape.repack({ compression: "zstd", why: "a year old" })
   * ```
   */
  readonly repack: (options?: RepackOptions) => Effect.Effect<RepackReport, RepackError | ReloadError>
  /**
   * Creates a tape with the same logical stream, in this lib or another one. The clone has an id of its own, the role
   * `records`, and no user metadata. Copies the segment files and checks their hashes. A writer flushes the tape
   * first; a reader clones what it sees. Fails with `TapeExists` if the name is taken.
   */
  readonly clone: (
    lib: LibService,
    name: string,
    options?: CloneOptions
  ) => Effect.Effect<TapeListing, CloneError | ReloadError>
  /**
   * Checks the whole tape from the disk and lists every defect. `ok` is false if there is one; it does not fail
   * because of one. Appends and reads continue meanwhile.
   */
  readonly verify: (options?: VerifyOptions) => Effect.Effect<VerifyReport, ReloadError | InvalidArgument>
  /**
   * Sets a user value in tape meta, durably (1 file and 1 folder are synced). Fails with `MetaInvalid` if user values
   * would take more than a quarter of `metaBytesMax`: remove some of them.
   */
  readonly setUserMeta: (key: string, value: Json) => Effect.Effect<void, UserMetaError>
  /** Removes a user value, durably. Does nothing if the key is not set. */
  readonly removeUserMeta: (key: string) => Effect.Effect<void, UserMetaError>
}
