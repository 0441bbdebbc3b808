/**
 * Heads of a tape and proofs about it, made out of its records.
 *
 * A proof, and a check against a head, reads and hashes every record of the tree that it speaks of, and takes nothing from
 * meta's Merkle states: who could change the records could change those too. Time: about that of reading and hashing the
 * bytes. Memory: a chunk, and a hash for each level of the tree. A head alone is taken from meta.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { LibClosed } from "../../domain/format/Errors.ts"
import * as Merkle from "../../domain/merkle/Merkle.ts"
import * as Proof from "../../domain/merkle/Proof.ts"
import type { FlushError } from "../write/flush.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import { merkleOf } from "./Equivalence.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import { Counter, type OnProgress } from "../base/Progress.ts"
import { linesOfChunk, type ReadError } from "../read/RecordReader.ts"
import { chunkStream } from "../read/RecordStream.ts"

/** What taking a head may fail with. */
export type HeadError = FlushError | ReadError | LibClosed

/** What checking a tape against a head may fail with. */
export type CheckHeadError = ReadError | LibClosed | Proof.HeadMismatch

/** What proving may fail with. */
export type InclusionError = ReadError | LibClosed | Proof.RecordNotFound
export type ConsistencyError = InclusionError | Proof.HeadMismatch

export interface ProofOptions {
  /** The proof is about the tape as it was with this many records. Default: all there are when it is begun. */
  readonly records?: number | undefined
  /** Is told after each chunk. Bytes in all are an estimate where `records` ends within a segment. */
  readonly onProgress?: OnProgress | undefined
}

/**
 * The tape's id, number of records and root, up to its last acknowledged batch: a writer flushes first, a reader hashes
 * what it sees beyond the segments. What is in segments is not read again: `verify` and `checkHead` do that.
 */
export const head = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape
): Effect.fn.Return<Proof.Head, HeadError> {
  yield* lib.guard.checkOpen
  const state = yield* merkleOf({ lib, tape })
  return { records: state.size, root: Merkle.root(state), tape: tape.id }
})

/** Proves that the record at `ordinal` is on the tape. Nothing is flushed: what is in no segment yet is read where it is. */
export const proveInclusion = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  ordinal: number,
  options: ProofOptions = {}
): Effect.fn.Return<Proof.InclusionProof, InclusionError> {
  const records = yield* sizeOf(tape, options)
  if (!isCount(ordinal) || ordinal >= records) {
    return yield* new Proof.RecordNotFound({ tape: tape.name, ordinal, records })
  }
  const builder = new Proof.InclusionBuilder(records, ordinal)
  yield* readInto(lib, tape, records, builder, options.onProgress)
  return builder.finish(tape.id)
})

/** Proves that the tape only grew since `earlier`. Where it did not, there is no proof: `HeadMismatch`. */
export const proveConsistency = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  earlier: Proof.Head,
  options: ProofOptions = {}
): Effect.fn.Return<Proof.ConsistencyProof, ConsistencyError> {
  const records = yield* sizeOf(tape, options)
  yield* expectTape(tape, earlier, records)
  const builder = new Proof.ConsistencyBuilder(earlier.records, records)
  yield* readInto(lib, tape, records, builder, options.onProgress)
  const proof = builder.finish(tape.id)
  yield* expectRoot(tape, earlier, proof.from.root)
  return proof
})

/**
 * Fails with `HeadMismatch` unless the tape is the one that `expected` speaks of, and begins with its records. Reads and
 * hashes all of these, since what a head is kept for is a tape whose files were changed, meta included.
 */
export const checkHead = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  expected: Proof.Head,
  onProgress?: OnProgress
): Effect.fn.Return<void, CheckHeadError> {
  yield* expectTape(tape, expected, tape.records)
  const merkle = new Merkle.Accumulator()
  yield* readInto(lib, tape, expected.records, merkle, onProgress)
  yield* expectRoot(tape, expected, merkle.root())
})

/** How many records a proof is about. */
const sizeOf = (
  tape: OpenTape,
  { records = tape.records }: ProofOptions
): Effect.Effect<number, Proof.RecordNotFound> =>
  isCount(records) && records <= tape.records
    ? Effect.succeed(records)
    : Effect.fail(new Proof.RecordNotFound({ tape: tape.name, ordinal: records - 1, records: tape.records }))

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** What is seen without reading a record. */
const expectTape = (tape: OpenTape, expected: Proof.Head, records: number): Effect.Effect<void, Proof.HeadMismatch> =>
  expected.tape === tape.id && expected.records <= records
    ? Effect.void
    : Effect.fail(mismatch(tape, expected, records, null))

const expectRoot = (tape: OpenTape, expected: Proof.Head, root: string): Effect.Effect<void, Proof.HeadMismatch> =>
  root === expected.root ? Effect.void : Effect.fail(mismatch(tape, expected, expected.records, root))

const mismatch = (tape: OpenTape, expected: Proof.Head, records: number, root: string | null): Proof.HeadMismatch =>
  new Proof.HeadMismatch({ tape: tape.name, expected, found: { records, root, tape: tape.id } })

/** Gives the first `records` records to `taker`, in order, a chunk at a time. */
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
      // Hashing is work for the processor: other fibres come first.
      return Effect.andThen(counter.add(lines.length, bytes), Effect.yieldNow)
    })
  )
}

/** Bytes of the lines of the first `records` records; in proportion where these end within a segment or a batch. */
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
