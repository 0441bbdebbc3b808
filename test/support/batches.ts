/** Dynamic segments built from batches, for tests that read them. */
import * as fc from "fast-check"
import { BatchBuilder, type FinishedBatch } from "../../src/domain/journal/Batch.ts"
import * as DynamicSegment from "../../src/domain/journal/DynamicSegment.ts"
import type { MarkedCheckpoint } from "../../src/domain/meta/Checkpoint.ts"
import { noHash } from "../../src/domain/meta/SystemRecord.ts"
import * as TaraSON from "../../src/domain/json/TaraSON.ts"
import { record } from "./arbitraries.ts"
import { uuid } from "./systemRecords.ts"

/** The records of one batch in the order of the calls, each with the number of its tape. */
export type Calls = ReadonlyArray<{ readonly tape: number; readonly record: TaraSON.JsonObject }>

export interface Built {
  readonly bytes: Uint8Array
  readonly headerBytes: number
  readonly batches: ReadonlyArray<
    FinishedBatch & {
      readonly batch: number
      readonly position: number
      readonly checkpoints: ReadonlyArray<MarkedCheckpoint>
    }
  >
  /** The offset of each batch, and the end of the last one. */
  readonly offsets: ReadonlyArray<number>
}

/** The anchor before the first batch of a lib. */
export const start = { batch: 0, hash: noHash }

/** A batch without records has checkpoints alone, and every third one has some too. */
const checkpointsOf = ({ length }: Calls, batch: number, position: number): ReadonlyArray<MarkedCheckpoint> => {
  if (length % 3 > 0) return []
  const others: ReadonlyArray<MarkedCheckpoint> = [
    [
      "mail_2-b",
      batch,
      0,
      [
        [1, 3],
        [5, 6]
      ]
    ]
  ]
  return [["orders", 1, position, []], ...(batch % 2 === 0 ? others : [])]
}

/** Builds a file of these batches, as the writer would. */
export const build = (batches: ReadonlyArray<Calls>): Built => {
  const header = DynamicSegment.headerLine({ dynamic: 4, epoch: 2, lib: uuid(1) })
  const pieces: Array<Uint8Array> = [header]
  const sealed: Array<Built["batches"][number]> = []
  const offsets = [header.length]
  const ordinals = new Map<string, number>()
  let hash = noHash
  let position = 0
  for (const [index, calls] of batches.entries()) {
    const builder = new BatchBuilder(Buffer.alloc(16))
    for (const call of calls) {
      const tape = uuid(call.tape)
      const before = ordinals.get(tape) ?? 0
      builder.part(tape, before).add(TaraSON.encode(call.record))
    }
    const checkpoints = checkpointsOf(calls, index + 1, position)
    const finished = builder.finish(index + 1, position, hash, checkpoints)
    const batch = { ...finished, batch: index + 1, position, checkpoints }
    for (const part of batch.parts) ordinals.set(part.tape, part.firstOrdinal + part.count)
    sealed.push(batch)
    pieces.push(batch.bytes.slice())
    offsets.push(offsets.at(-1)! + batch.bytes.length)
    hash = batch.hash
    position += calls.length
  }
  return { bytes: Buffer.concat(pieces), headerBytes: header.length, batches: sealed, offsets }
}

/** Generates batches over three tapes, of any records unless `records` is given. */
export const batches = (max: number, records: fc.Arbitrary<TaraSON.JsonObject> = record) =>
  fc.array(fc.array(fc.record({ tape: fc.integer({ min: 1, max: 3 }), record: records }), { maxLength: 6 }), {
    maxLength: max
  })

/** Three small batches, the second over two tapes. */
export const small: ReadonlyArray<Calls> = [
  [{ tape: 1, record: { a: 1 } }],
  [
    { tape: 1, record: { b: "é\n" } },
    { tape: 2, record: {} },
    { tape: 1, record: { $type: "Note", c: [1, 2] } }
  ],
  [
    { tape: 2, record: { d: null } },
    { tape: 2, record: { e: "}" } }
  ]
]
