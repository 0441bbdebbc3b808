/** Operations on a lib: repacks, single operations, whole histories. */
import type * as fc from "fast-check"
import type { Json, JsonObject } from "../../../domain/json/TaraSON.ts"
import type { NewEvent } from "../../../services/EventStore.ts"
import type { RepackOptions } from "../../../services/Tape.ts"
import type { Queries } from "./queries.ts"
import type { FastCheck, HistoryOptions } from "./types.ts"
import type { Operation } from "../history/operation.ts"
import type { Values } from "./values.ts"

type Repack = Required<Omit<RepackOptions, "why" | "onProgress">>

export const repackOptionsOf = (fc: FastCheck): fc.Arbitrary<Repack> =>
  fc.record({
    targetBytes: fc.constantFrom(1, 40, 700, 5_000, 200_000, 64 * 1024 * 1024),
    compression: fc.constantFrom("none" as const, "gzip" as const, "zstd" as const, "keep" as const),
    dedup: fc.boolean(),
    shardEvery: fc.constantFrom(0, 0, 1, 2, 1000),
    force: fc.boolean()
  })

/** Makes batches of records that fill dynamic segments and segments, that repeat each other, and of any others. */
export const batchOf = (fc: FastCheck, { record }: Values): fc.Arbitrary<ReadonlyArray<JsonObject>> => {
  const padded = fc.nat(900).map((length): JsonObject => ({ $type: "Padded", text: "x".repeat(length) }))
  const one = fc.oneof(
    { weight: 4, arbitrary: fc.nat(1).map((n): JsonObject => ({ n })) },
    { weight: 4, arbitrary: padded },
    { weight: 3, arbitrary: record }
  )
  return fc.array(one, { minLength: 1, maxLength: 6 })
}

export const operationOf = (
  fc: FastCheck,
  { json }: Values,
  events: fc.Arbitrary<NewEvent>,
  { query }: Queries,
  batch: fc.Arbitrary<ReadonlyArray<JsonObject>>,
  { tapes = ["alpha", "beta", "gamma"], streams = ["order-1", "order-2", "acc-1", "Ünï-☃"] }: HistoryOptions
): fc.Arbitrary<Operation> => {
  const tape = fc.constantFrom(...tapes)
  const append = fc.record({ tape, records: batch })
  // Of the same few types and tags as the queries.
  const decided: fc.Arbitrary<NewEvent> = fc.record({
    type: fc.constantFrom("Opened", "Changed", "Closed"),
    tags: fc.subarray(["a", "b", "c"])
  })
  // User values become part of system records, which must not have a key `constructor`.
  const value: fc.Arbitrary<Json> = json.filter((value) => !JSON.stringify(value).includes('"constructor":'))
  const of = <Op extends Operation>(weight: number, arbitrary: fc.Arbitrary<Op>) => ({ weight, arbitrary })
  return fc.oneof(
    of(
      10,
      append.map((part) => ({ op: "append" as const, ...part }))
    ),
    of(
      4,
      fc.array(append, { minLength: 1, maxLength: 4 }).map((appends) => ({ op: "commit" as const, appends }))
    ),
    of(
      8,
      fc.record({
        op: fc.constant("events" as const),
        stream: fc.constantFrom(...streams),
        events: fc.array(events, { maxLength: 4 }),
        expected: fc.constantFrom("any" as const, "current" as const, "current" as const, "stale" as const)
      })
    ),
    of(
      2,
      fc.nat().map((pick) => ({ op: "again" as const, pick }))
    ),
    of(
      4,
      fc.record({
        op: fc.constant("decide" as const),
        stream: fc.constantFrom(...streams),
        events: fc.array(decided, { maxLength: 2 }),
        query: query(),
        since: fc.nat(4)
      })
    ),
    of(5, fc.record({ op: fc.constantFrom("flush" as const, "verify" as const), tape })),
    of(2, fc.record({ op: fc.constantFrom("archive" as const, "activate" as const, "activate" as const), tape })),
    of(4, fc.record({ op: fc.constant("repack" as const), tape, options: repackOptionsOf(fc) })),
    of(1, fc.record({ op: fc.constant("clone" as const), tape, to: tape.map((name) => `${name}.clone`) })),
    of(
      2,
      fc.record({
        op: fc.constant("userMeta" as const),
        tape,
        key: fc.constantFrom("note", "segments", "__proto__"),
        value: fc.option(value, { nil: undefined })
      })
    ),
    of(1, fc.constantFrom({ op: "reader" as const }, { op: "backup" as const })),
    of(2, fc.constantFrom({ op: "reopen" as const }, { op: "kill" as const }))
  )
}
