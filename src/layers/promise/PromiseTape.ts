/** A tape, for callers without Effect. */
import type { Json, JsonObject } from "../../domain/json/TaraSON.ts"
import type { ConsistencyProof, Head, InclusionProof } from "../../domain/merkle/Proof.ts"
import type { EventStore } from "../../services/EventStore.ts"
import type * as Lib from "../../services/Lib.ts"
import type * as Tape from "../../services/Tape.ts"
import { callChecks } from "./callChecks.ts"
import { type CallOptions, forServices, type LongCallOptions, withoutSignal } from "./CallOptions.ts"
import { libOf, type PromiseLib } from "./PromiseLib.ts"
import type { Runs } from "./Runs.ts"

/** A tape, for callers without Effect. Each method does what the one of `Tape` does. */
export interface PromiseTape {
  /** Name of the tape. */
  readonly name: string
  /** Id of the tape, a UUID. A recovery gives the tape a new one. */
  readonly id: string
  /** Returns the description of the tape, such as its user metadata. Reads nothing. */
  readonly meta: () => Promise<Tape.Meta>
  /** Returns the number of records. Reads nothing. */
  readonly size: () => Promise<number>
  /** Appends records as one batch, and resolves once they are durable. */
  readonly append: (records: ReadonlyArray<unknown>, options?: CallOptions) => Promise<Tape.Receipt>
  /** Iterates over the records, or over those in a range. */
  readonly records: (range?: Tape.RecordRange & CallOptions) => AsyncIterable<JsonObject>
  /** Returns the closed segments in order. Reads nothing. */
  readonly segments: () => Promise<ReadonlyArray<Tape.SegmentInfo>>
  /** Copies the records that are in no segment yet into a new one. Returns it, or `undefined` if there are no such records. */
  readonly appendSegment: (options?: CallOptions) => Promise<Tape.SegmentInfo | undefined>
  /** Iterates over the records of the closed segment with this number. */
  readonly readSegment: (number: number, options?: CallOptions) => AsyncIterable<JsonObject>
  /** Checks every byte of a closed segment. Rejects with `SegmentCorrupt` or `SegmentMissing`. */
  readonly verifySegment: (number: number, options?: CallOptions) => Promise<Tape.SegmentInfo>
  /** Returns id, number of records and root. Keep it where nobody who can write the tape can write. */
  readonly head: (options?: CallOptions) => Promise<Head>
  /** Returns the root of `head`: the RFC 9162 tree hash of the records, in hex. */
  readonly root: (options?: CallOptions) => Promise<string>
  /** Rejects with `HeadMismatch` unless the tape still starts with exactly the records of `expected`. Reads all of them. */
  readonly checkHead: (expected: Head, options?: CallOptions) => Promise<void>
  /** Returns a proof that the record at `ordinal` is on the tape, for `Proof.checkInclusion`. Reads the whole tape. */
  readonly proveInclusion: (ordinal: number, options?: LongCallOptions<Tape.ProofOptions>) => Promise<InclusionProof>
  /** Returns a proof that the tape has only grown since `earlier`, for `Proof.checkConsistency`. Reads the whole tape. */
  readonly proveConsistency: (earlier: Head, options?: LongCallOptions<Tape.ProofOptions>) => Promise<ConsistencyProof>
  /** Rewrites the records into other segments: merged, split, compressed or deduplicated. */
  readonly repack: (options?: LongCallOptions<Tape.RepackOptions>) => Promise<Tape.RepackReport>
  /** Creates a tape with the same records in an open lib, which may be the same one: see `Tape.clone`. */
  readonly clone: (
    to: PromiseLib,
    name: string,
    options?: LongCallOptions<Tape.CloneOptions>
  ) => Promise<Lib.TapeListing>
  /** Checks the whole tape from the disk and lists every defect. Does not reject because of one. */
  readonly verify: (options?: LongCallOptions<Tape.VerifyOptions>) => Promise<Tape.VerifyReport>
  /** Sets a user value in tape meta, durably. */
  readonly setUserMeta: (key: string, value: Json, options?: CallOptions) => Promise<void>
  /** Removes a user value, durably. Does nothing if the key is not set. */
  readonly removeUserMeta: (key: string, options?: CallOptions) => Promise<void>
}

/** Makes the face of an open tape. */
export const makeTape = (runs: Runs<EventStore | Lib.Lib>, tape: Tape.Tape["Service"]): PromiseTape => ({
  name: tape.name,
  get id() {
    return tape.id
  },
  meta: () => runs.run("read", "PromiseTape.meta", undefined, () => tape.meta),
  size: () => runs.run("read", "PromiseTape.size", undefined, () => tape.size),
  append: (records, options) =>
    runs.run("append", "PromiseTape.append", options, () => tape.append(records), callChecks),
  records: (range) => runs.iterate("PromiseTape.records", range, () => tape.records(withoutSignal(range))),
  segments: () => runs.run("read", "PromiseTape.segments", undefined, () => tape.segments),
  appendSegment: (options) =>
    runs.run("change", "PromiseTape.appendSegment", options, () => tape.appendSegment, callChecks),
  readSegment: (number, options) =>
    runs.iterate("PromiseTape.readSegment", options, () => tape.readSegment(number), callChecks),
  verifySegment: (number, options) =>
    runs.run("read", "PromiseTape.verifySegment", options, () => tape.verifySegment(number), callChecks),
  head: (options) => runs.run("change", "PromiseTape.head", options, () => tape.head, callChecks),
  root: (options) => runs.run("change", "PromiseTape.root", options, () => tape.root, callChecks),
  checkHead: (expected, options) =>
    runs.run("read", "PromiseTape.checkHead", options, () => tape.checkHead(expected), callChecks),
  proveInclusion: (ordinal, options) =>
    runs.run("read", "PromiseTape.proveInclusion", options, () => tape.proveInclusion(ordinal, forServices(options))),
  proveConsistency: (earlier, options) =>
    runs.run("read", "PromiseTape.proveConsistency", options, () =>
      tape.proveConsistency(earlier, forServices(options))
    ),
  repack: (options) => runs.run("change", "PromiseTape.repack", options, () => tape.repack(forServices(options))),
  clone: (to, name, options) =>
    runs.run("change", "PromiseTape.clone", options, () =>
      tape.clone(libOf("PromiseTape.clone", "to", to), name, forServices(options))
    ),
  verify: (options) => runs.run("read", "PromiseTape.verify", options, () => tape.verify(forServices(options))),
  setUserMeta: (key, value, options) =>
    runs.run("change", "PromiseTape.setUserMeta", options, () => tape.setUserMeta(key, value), callChecks),
  removeUserMeta: (key, options) =>
    runs.run("change", "PromiseTape.removeUserMeta", options, () => tape.removeUserMeta(key), callChecks)
})
