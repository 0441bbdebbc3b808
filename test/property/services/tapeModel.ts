/** The model of a lib of tapes, as plain arrays, and the comparison with a real one. */
import { assert } from "vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Lib from "litetapes/Lib"
import * as Merkle from "litetapes/Merkle"
import * as TaraSON from "litetapes/TaraSON"
import { existingTape } from "../../support/openLib.ts"

export interface ModelTape {
  records: Array<TaraSON.JsonObject>
  state: "active" | "archived"
  readonly userMeta: Map<string, TaraSON.Json>
}

export type Model = Map<string, ModelTape>

export const newTape = (): ModelTape => ({ records: [], state: "active", userMeta: new Map() })

/** A range as fractions of the length, so that it shrinks well and is always valid. */
export interface Fraction {
  readonly from: number
  readonly to: number
}

export const rangeOf = (length: number, { from, to }: Fraction) => ({
  from: Math.floor(from * (length + 1)),
  to: Math.floor(to * (length + 2))
})

const rootOf = (records: ReadonlyArray<TaraSON.JsonObject>): string => {
  const tree = new Merkle.Accumulator()
  for (const record of records) tree.add(TaraSON.toBytes(TaraSON.encode(record)))
  return tree.root()
}

/** Checks that the lib has the tapes of the model, each with the records of the model. */
export const compareLib = Effect.fnUntraced(function* (
  lib: Lib.Lib["Service"],
  model: Model,
  ranges: ReadonlyArray<Fraction>
) {
  const listed = (yield* lib.tapes).map(({ name, state }) => [name, state])
  const expected = [...model].map(([name, { state }]) => [name, state]).toSorted(([a], [b]) => (a! < b! ? -1 : 1))
  assert.deepStrictEqual(listed, expected)
  for (const [name, tape] of model) yield* compareTape(lib, name, tape, ranges)
})

const compareTape = Effect.fnUntraced(function* (
  lib: Lib.Lib["Service"],
  name: string,
  expected: ModelTape,
  ranges: ReadonlyArray<Fraction>
) {
  const tape = yield* existingTape(lib, name)
  const { records } = expected
  assert.strictEqual(yield* tape.size, records.length)
  const meta = yield* tape.meta
  assert.strictEqual(meta.records, records.length)
  assert.strictEqual(meta.state, expected.state)
  assert.deepStrictEqual(meta.userMeta, Object.fromEntries(expected.userMeta))
  assert.deepStrictEqual(yield* Stream.runCollect(tape.records()), records)
  assert.deepStrictEqual(yield* Stream.runCollect(tape.records({ reverse: true })), records.toReversed())
  for (const fraction of ranges) yield* compareRange(lib, name, records, fraction)
  yield* compareSegments(lib, name, records)
})

/** Compares one range, in both directions. */
export const compareRange = Effect.fnUntraced(function* (
  lib: Lib.Lib["Service"],
  name: string,
  records: ReadonlyArray<TaraSON.JsonObject>,
  fraction: Fraction
) {
  const tape = yield* existingTape(lib, name)
  const range = rangeOf(records.length, fraction)
  const part = records.slice(range.from, Math.max(range.from, range.to))
  assert.deepStrictEqual(yield* Stream.runCollect(tape.records(range)), part)
  assert.deepStrictEqual(yield* Stream.runCollect(tape.records({ ...range, reverse: true })), part.toReversed())
})

/**
 * Checks that segments have no gap between them, that each verifies, and that the last Merkle state of meta is that of
 * the records.
 */
const compareSegments = Effect.fnUntraced(function* (
  lib: Lib.Lib["Service"],
  name: string,
  records: ReadonlyArray<TaraSON.JsonObject>
) {
  const tape = yield* existingTape(lib, name)
  const segments = yield* tape.segments
  let next = 0
  let number = 0
  for (const segment of segments) {
    assert.strictEqual(segment.firstOrdinal, next)
    assert.isAbove(segment.number, number)
    assert.isAbove(segment.records, 0)
    next += segment.records
    number = segment.number
    assert.deepStrictEqual(yield* tape.verifySegment(number), segment)
    const inside = yield* Stream.runCollect(tape.readSegment(number))
    assert.deepStrictEqual(inside, records.slice(segment.firstOrdinal, next))
  }
  assert.isAtMost(next, records.length)
  const merkle = segments.at(-1)?.merkle ?? Merkle.empty
  assert.strictEqual(merkle.size, next)
  assert.strictEqual(Merkle.root(merkle), rootOf(records.slice(0, next)))
  // More may have been closed meanwhile, in the background.
  const iterated = (yield* Stream.runCollect(tape.iterateSegments)).map(({ info }) => info)
  assert.deepStrictEqual(iterated.slice(0, segments.length), [...segments])
})
