/**
 * The physical structure may change in any way: every stream stays equal to its plain array, and only tapes with the
 * same stream are equivalent.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as Tape from "litetapes/Tape"
import * as TaraSON from "litetapes/TaraSON"
import { assert, describe, it } from "vitest"
import { type LibService, tapeOf, withLib } from "../../../../support/openLib.ts"
import { type Op, opsOf, type Records, records, repackOptions } from "../../../../support/transformOps.ts"
import { type Counts, rootOf, TransformRun } from "../../../../support/transformRun.ts"
import { runs } from "../../../../support/runs.ts"

const timeout = 60_000 + 1000 * runs

/** How a stream is written: how it is cut into appends, which of them are flushed, and how it is repacked. */
interface Writing {
  readonly cuts: ReadonlyArray<number>
  readonly flushes: ReadonlyArray<boolean>
  readonly repack: Tape.RepackOptions | null
}

const writing: fc.Arbitrary<Writing> = fc.record({
  cuts: fc.array(fc.nat(40), { maxLength: 6 }),
  flushes: fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
  repack: fc.option(repackOptions)
})

const write = Effect.fnUntraced(function* (lib: LibService, name: string, stream: Records, how: Writing) {
  const tape = yield* tapeOf(lib, name)
  const ends = [...new Set([...how.cuts.filter((cut) => cut < stream.length), stream.length])].toSorted((a, b) => a - b)
  let start = 0
  for (const [index, end] of ends.entries()) {
    yield* tape.append(stream.slice(start, end))
    if (how.flushes[index] === true) yield* tape.appendSegment
    start = end
  }
  if (how.repack !== null) yield* tape.repack(how.repack)
  return tape
})

type Change =
  | { readonly kind: "change"; readonly at: number; readonly to: TaraSON.JsonObject }
  | { readonly kind: "drop" | "repeat"; readonly at: number }
  | { readonly kind: "swap"; readonly at: number; readonly with: number }

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant("change" as const), at: fc.nat(), to: records.map(([first]) => first!) }),
  fc.record({ kind: fc.constantFrom("drop" as const, "repeat" as const), at: fc.nat() }),
  fc.record({ kind: fc.constant("swap" as const), at: fc.nat(), with: fc.nat() })
)

/** Returns the stream with one difference, or with no difference if the affected records are equal. */
const changed = (stream: Records, change: Change): Records => {
  const at = change.at % stream.length
  const other = [...stream]
  if (change.kind === "change") other[at] = change.to
  if (change.kind === "drop") other.splice(at, 1)
  if (change.kind === "repeat") other.splice(at, 0, stream[at]!)
  if (change.kind === "swap") {
    const to = change.with % stream.length
    other[at] = stream[to]!
    other[to] = stream[at]!
  }
  return other
}

const idAt = (stream: Records, ordinal: number): string | undefined =>
  ordinal < stream.length ? TaraSON.recordId(TaraSON.encode(stream[ordinal]!)) : undefined

/** Returns the first difference of two arrays, in the form of `diff`. */
const firstDifference = (left: Records, right: Records): Tape.Difference | undefined => {
  for (let ordinal = 0; ordinal < Math.max(left.length, right.length); ordinal++) {
    const [a, b] = [idAt(left, ordinal), idAt(right, ordinal)]
    if (a !== b) return { ordinal, left: a, right: b }
  }
  return undefined
}

const inMemory = <A, E>(body: (lib: LibService) => Effect.Effect<A, E>) =>
  Effect.runPromise(
    Effect.provide(
      Effect.flatMap(MemoryStorage.make, (storage) => withLib(storage, "lib", body, { closeBytes: 4096 })),
      Logger.layer([])
    )
  )

/** A crash leaves the inputs of a merge, which are repeats for the recovery. */
const interruptedMerge: ReadonlyArray<Op> = [
  {
    op: "beside",
    lib: 1,
    tape: 0,
    options: { targetBytes: 1, compression: "none", dedup: false, shardEvery: 0, force: false },
    records: [{ n: 0 }, { $type: "Padded", text: "x".repeat(28) }]
  },
  { op: "recoverLib", lib: 1, crash: false },
  { op: "clone", lib: 1, tape: 0, to: 0 },
  { op: "recover", lib: 1, tape: 0, crash: true, indexes: false }
]

describe("tapes that are appended to, flushed, repacked, cloned, recovered, closed and lost", () => {
  it(
    "equal plain arrays",
    async () => {
      const counts: Counts = { recovered: 0, ambiguous: 0, repacked: 0, cloned: 0 }
      const property = fc.asyncProperty(opsOf(24), (ops) =>
        Effect.runPromise(
          Effect.provide(
            Effect.flatMap(MemoryStorage.make, (storage) => new TransformRun(storage, counts).all(ops)),
            Logger.layer([])
          )
        )
      )
      await fc.assert(property, { numRuns: runs, examples: [[interruptedMerge]] })
      const { recovered, repacked, cloned } = counts
      if (runs >= 100) for (const count of [recovered, repacked, cloned]) assert.isAbove(count, runs / 10)
    },
    timeout
  )
})

describe("equivalent and diff", () => {
  const stream = fc.array(records, { minLength: 1, maxLength: 5 }).map((batches) => batches.flat())

  it(
    "agree with a comparison of the tapes' arrays, however these were written",
    async () => {
      let same = 0
      await fc.assert(
        fc.asyncProperty(stream, writing, writing, fc.option(change), (left, how, otherHow, changes) =>
          inMemory((lib) =>
            Effect.gen(function* () {
              const right = changes === null ? left : changed(left, changes)
              const a = yield* write(lib, "a", left, how)
              const b = yield* write(lib, "b", right, otherHow)
              const expected = firstDifference(left, right)
              same += expected === undefined ? 1 : 0
              assert.strictEqual(yield* Tape.equivalent(a, b), expected === undefined)
              assert.strictEqual(yield* Tape.equivalent(b, a), expected === undefined)
              assert.deepStrictEqual(yield* Tape.diff(a, b), expected)
              assert.strictEqual(yield* a.root, rootOf(left))
              assert.strictEqual(yield* b.root, rootOf(right))
            })
          )
        ),
        { numRuns: runs }
      )
      if (runs >= 100) {
        assert.isAbove(same, runs / 20)
        assert.isBelow(same, (runs * 19) / 20)
      }
    },
    timeout
  )

  it(
    "compare unflushed records with repacked ones, and run during appends",
    async () => {
      await fc.assert(
        fc.asyncProperty(stream, repackOptions, (all, options) =>
          inMemory((lib) =>
            Effect.gen(function* () {
              const tape = yield* write(lib, "a", all, { cuts: [3, 7], flushes: [true, false, true], repack: options })
              yield* tape.clone(lib, "b")
              const clone = yield* tapeOf(lib, "b")
              for (const record of all.slice(0, 3)) {
                yield* Effect.all([tape.append([record]), clone.append([record]), clone.repack(options)], {
                  concurrency: "unbounded"
                })
                assert.isTrue(yield* Tape.equivalent(tape, clone))
                assert.isUndefined(yield* Tape.diff(tape, clone))
              }
              assert.deepStrictEqual(yield* Stream.runCollect(clone.records()), [...all, ...all.slice(0, 3)])
            })
          )
        ),
        { numRuns: runs }
      )
    },
    timeout
  )
})
