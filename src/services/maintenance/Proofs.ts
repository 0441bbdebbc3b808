/**
 * Heads of a tape, and proofs made from its records.
 *
 * A proof or a check against a head reads and hashes every record of its tree. It takes nothing from the Merkle states
 * in meta, since anyone who can change the records can change those too. It takes about as long as reading and hashing
 * the bytes. It needs memory for a chunk, and for a hash for each level of the tree. Only a head itself is taken from
 * meta.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { InvalidArgument, type LibClosed } from "../../domain/format/Errors.ts"
import { whyNoHead } from "../../domain/merkle/headCheck.ts"
import * as Merkle from "../../domain/merkle/Merkle.ts"
import * as Proof from "../../domain/merkle/Proof.ts"
import type { FlushError } from "../write/flush.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import { merkleOf } from "./Equivalence.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import { Counter, type OnProgress } from "../base/Progress.ts"
import { linesOfChunk, type ReadError } from "../read/RecordReader.ts"
import { chunkStream } from "../read/RecordStream.ts"

/** Errors of taking a head. */
export type HeadError = FlushError | ReadError | LibClosed

/**
 * Errors of checking a tape against a head. `HeadMismatch` means that its files were replaced, restored or rewritten.
 */
export type CheckHeadError = ReadError | LibClosed | InvalidArgument | Proof.HeadMismatch

/** Errors of proving that a record is on the tape. */
export type InclusionError = ReadError | LibClosed | InvalidArgument | Proof.RecordNotFound
/** Errors of proving that a tape has only grown. */
export type ConsistencyError = InclusionError | Proof.HeadMismatch

/** Options of a proof. */
export interface ProofOptions {
  /** Number of records of the tape that the proof is about, such as those of an earlier head. Default: all records. */
  readonly records?: number | undefined
  /** Receives the progress after each chunk. Total bytes are an estimate if `records` ends within a segment. */
  readonly onProgress?: OnProgress | undefined
}

/**
 * Returns the tape's id, number of records and root, up to its last acknowledged batch. A writer flushes the tape
 * first; a reader hashes the records that it sees in no segment. Records in segments are not read; `verify` and
 * `checkHead` do that.
 */
export const head = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape
): Effect.fn.Return<Proof.Head, HeadError> {
  yield* lib.guard.checkOpen
  const state = yield* merkleOf({ lib, tape })
  return { records: state.size, root: Merkle.root(state), tape: tape.id }
})

/**
 * Returns a proof that the record at `ordinal` is on the tape. Flushes nothing: records in no segment are read where
 * they are.
 */
export const proveInclusion = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  ordinal: number,
  options: ProofOptions = {}
): Effect.fn.Return<Proof.InclusionProof, InclusionError> {
  const records = yield* sizeOf(tape, options)
  if (!isCount(ordinal) || ordinal >= records) {
    return yield* new Proof.RecordNotFound({ tape: tape.name, ordinal: numberIn(ordinal), records })
  }
  const builder = new Proof.InclusionBuilder(records, ordinal)
  yield* readInto(lib, tape, records, builder, options.onProgress)
  return builder.finish(tape.id)
})

/** Returns a proof that the tape has only grown since `earlier`. Fails with `HeadMismatch` if it has not. */
export const proveConsistency = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  earlier: Proof.Head,
  options: ProofOptions = {}
): Effect.fn.Return<Proof.ConsistencyProof, ConsistencyError> {
  yield* requireHead("Tape.proveConsistency", "earlier", earlier)
  const records = yield* sizeOf(tape, options)
  yield* expectTape(tape, earlier, records)
  const builder = new Proof.ConsistencyBuilder(earlier.records, records)
  yield* readInto(lib, tape, records, builder, options.onProgress)
  const proof = builder.finish(tape.id)
  yield* expectRoot(tape, earlier, proof.from.root)
  return proof
})

/**
 * Fails with `HeadMismatch` unless the tape is that of `expected` and starts with its records. Reads and hashes all of
 * them, because a head is kept to detect changed files, including meta.
 */
export const checkHead = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  expected: Proof.Head,
  onProgress?: OnProgress
): Effect.fn.Return<void, CheckHeadError> {
  yield* requireHead("Tape.checkHead", "expected", expected)
  yield* expectTape(tape, expected, tape.records)
  const merkle = new Merkle.Accumulator()
  yield* readInto(lib, tape, expected.records, merkle, onProgress)
  yield* expectRoot(tape, expected, merkle.root())
})

/** Returns the number of records that a proof is about. */
const sizeOf = (
  tape: OpenTape,
  { records = tape.records }: ProofOptions
): Effect.Effect<number, Proof.RecordNotFound> =>
  isCount(records) && records <= tape.records
    ? Effect.succeed(records)
    : Effect.fail(new Proof.RecordNotFound({ tape: tape.name, ordinal: records - 1, records: tape.records }))

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

const numberIn = (value: unknown): number => (typeof value === "number" ? value : Number.NaN)

/** Fails unless this is a head. */
const requireHead = (call: string, argument: string, head: unknown): Effect.Effect<void, InvalidArgument> =>
  Effect.suspend(() => {
    const why = whyNoHead(head)
    return why === undefined ? Effect.void : Effect.fail(new InvalidArgument({ call, argument, why }))
  })

/** Compares id and number of records, without reading a record. */
const expectTape = (tape: OpenTape, expected: Proof.Head, records: number): Effect.Effect<void, Proof.HeadMismatch> =>
  expected.tape === tape.id && expected.records <= records
    ? Effect.void
    : Effect.fail(mismatch(tape, expected, records, null))

const expectRoot = (tape: OpenTape, expected: Proof.Head, root: string): Effect.Effect<void, Proof.HeadMismatch> =>
  root === expected.root ? Effect.void : Effect.fail(mismatch(tape, expected, expected.records, root))

const mismatch = (tape: OpenTape, expected: Proof.Head, records: number, root: string | null): Proof.HeadMismatch =>
  new Proof.HeadMismatch({ tape: tape.name, expected, found: { records, root, tape: tape.id } })

/** Passes the first `records` records to `taker`, in order, a chunk at a time. */
const readInto = (
  lib: LibHandle,
  tape: OpenTape,
  records: number,
  taker: { readonly add: (canonical: Uint8Array) => void },
  onProgress: OnProgress | undefined
): Effect.Effect<void, ReadError | LibClosed> => {
  const counter = new Counter({ records, bytes: bytesOf(tape, records) }, onProgress)
  const chunks = chunkStream(
    lib,
    () => tape,
    { from: 0, to: records },
    (chunk, from, to) => [linesOfChunk(chunk, from, to)]
  )
  return Stream.runForEach(chunks, (lines) =>
    Effect.suspend(() => {
      let bytes = 0
      for (const line of lines) {
        taker.add(line)
        bytes += line.length + 1
      }
      // Hashing needs the processor, so other fibres get a turn.
      return Effect.andThen(counter.add(lines.length, bytes), Effect.yieldNow)
    })
  )
}

/**
 * Returns the size of the lines of the first `records` records; an estimate if these end within a segment or a batch.
 */
const bytesOf = (tape: OpenTape, records: number): number => {
  let bytes = 0
  const count = (firstOrdinal: number, all: number, allBytes: number): void => {
    const some = Math.min(all, Math.max(0, records - firstOrdinal))
    bytes += Math.round((allBytes * some) / all)
  }
  for (const segment of tape.state.segments) count(segment.firstOrdinal, segment.records, segment.rawBytes)
  for (const part of tape.parts) count(part.firstOrdinal, part.count, part.bytes)
  return bytes
}
