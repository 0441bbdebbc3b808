/** Sequences of operations that move records but never change them, as data. */
import * as fc from "fast-check"
import type { RepackOptions } from "litetapes/Tape"
import type { JsonObject } from "litetapes/TaraSON"
import { generators, record } from "./arbitraries.ts"

export type Records = ReadonlyArray<JsonObject>

/** Tapes are chosen by a number, modulo how many there are. */
export type Op =
  | { readonly op: "append"; readonly lib: number; readonly tape: number; readonly records: Records }
  | { readonly op: "commit"; readonly lib: number; readonly parts: ReadonlyArray<readonly [number, Records]> }
  | { readonly op: "flush" | "verify"; readonly lib: number; readonly tape: number }
  | { readonly op: "repack"; readonly lib: number; readonly tape: number; readonly options: RepackOptions }
  | {
      readonly op: "beside"
      readonly lib: number
      readonly tape: number
      readonly options: RepackOptions
      readonly records: Records
    }
  | { readonly op: "clone"; readonly lib: number; readonly tape: number; readonly to: number }
  | { readonly op: "reopen" | "crash"; readonly lib: number }
  | {
      readonly op: "recover"
      readonly lib: number
      readonly tape: number
      readonly crash: boolean
      readonly indexes: boolean
    }
  | { readonly op: "recoverLib"; readonly lib: number; readonly crash: boolean }

/** Few different records, so that they repeat each other, and some that fill segments. */
const one: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 6, arbitrary: fc.nat(1).map((n): JsonObject => ({ n })) },
  { weight: 4, arbitrary: fc.nat(900).map((length): JsonObject => ({ $type: "Padded", text: "x".repeat(length) })) },
  { weight: 1, arbitrary: record.map((value): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 90_000 }).map((n): JsonObject => ({ text: "y".repeat(n) })) }
)

export const records = fc.array(one, { minLength: 1, maxLength: 6 })

export const repackOptions: fc.Arbitrary<RepackOptions> = generators.repackOptions

const lib = fc.nat(1)
const tape = fc.nat(5)

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record<Extract<Op, { op: "append" }>>({ op: fc.constant("append"), lib, tape, records })
  },
  {
    weight: 3,
    arbitrary: fc.record<Extract<Op, { op: "commit" }>>({
      op: fc.constant("commit"),
      lib,
      parts: fc.array(fc.tuple(tape, records), { minLength: 1, maxLength: 3 })
    })
  },
  {
    weight: 6,
    arbitrary: fc.record<Extract<Op, { op: "flush" | "verify" }>>({
      op: fc.constantFrom("flush", "flush", "verify"),
      lib,
      tape
    })
  },
  {
    weight: 6,
    arbitrary: fc.record<Extract<Op, { op: "repack" }>>({
      op: fc.constant("repack"),
      lib,
      tape,
      options: repackOptions
    })
  },
  {
    weight: 2,
    arbitrary: fc.record<Extract<Op, { op: "beside" }>>({
      op: fc.constant("beside"),
      lib,
      tape,
      options: repackOptions,
      records
    })
  },
  { weight: 3, arbitrary: fc.record<Extract<Op, { op: "clone" }>>({ op: fc.constant("clone"), lib, tape, to: lib }) },
  {
    weight: 3,
    arbitrary: fc.record<Extract<Op, { op: "reopen" | "crash" }>>({ op: fc.constantFrom("reopen", "crash"), lib })
  },
  {
    weight: 3,
    arbitrary: fc.record<Extract<Op, { op: "recover" }>>({
      op: fc.constant("recover"),
      lib,
      tape,
      crash: fc.boolean(),
      indexes: fc.boolean()
    })
  },
  {
    weight: 1,
    arbitrary: fc.record<Extract<Op, { op: "recoverLib" }>>({ op: fc.constant("recoverLib"), lib, crash: fc.boolean() })
  }
)

export const opsOf = (maxLength: number): fc.Arbitrary<ReadonlyArray<Op>> =>
  fc.array(op, { minLength: 1, maxLength, size: "max" })
