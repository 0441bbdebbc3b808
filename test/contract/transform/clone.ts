/** Clones: an independent tape from the first moment on, in a lib with its own count of batches. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as Tape from "litetapes/Tape"
import { flipped } from "../../support/copyLib.ts"
import { existingTape, type LibService, tagOf, tapeOf } from "../../support/openLib.ts"
import {
  all,
  crashed,
  fill,
  numbered,
  openSession,
  rewrite,
  tamper,
  type TransformKind,
  withLib
} from "../../support/transformGround.ts"

const namesOf = (lib: LibService) => Effect.map(lib.tapes, (tapes) => tapes.map(({ name }) => name))

export const cloneContract = (kind: TransformKind): void => {
  describe("clone", () => {
    identityContract(kind)
    batchesContract(kind)
    refusalsContract(kind)
    eventsContract(kind)
  })
}

const identityContract = ({ ground, place }: TransformKind): void => {
  it.live("has the stream of its source and an identity of its own, and grows independently", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib, "a", 4, 5)
          yield* tape.append(numbered(0, 20))
          for (const [index, options] of [
            {},
            { compression: "zstd", dedup: true, targetBytes: 1200 } as const,
            { compression: "gzip", shardEvery: 2, targetBytes: 300 } as const
          ].entries()) {
            yield* tape.repack(options)
            const listed = yield* tape.clone(lib, `copy-${index}`)
            assert.deepInclude(listed, { name: `copy-${index}`, role: "records", state: "active" })
            const copy = yield* existingTape(lib, `copy-${index}`)
            assert.notStrictEqual(copy.id, tape.id)
            assert.deepStrictEqual(yield* all(copy), [...numbered(0, 20), ...numbered(0, 20)])
            assert.isTrue(yield* Tape.equivalent(tape, copy))
            assert.isUndefined(yield* Tape.diff(tape, copy))
            const { origin } = yield* copy.meta
            const root = yield* tape.root
            assert.deepStrictEqual(origin, { kind: "cloned", lib: lib.id, records: 40, root, tape: tape.id })
            assert.deepStrictEqual(
              (yield* copy.segments).map(({ sha256 }) => sha256),
              (yield* tape.segments).map(({ sha256 }) => sha256)
            )
            yield* copy.append([{ mine: index }])
            assert.isFalse(yield* Tape.equivalent(tape, copy))
            const difference = yield* Tape.diff(tape, copy)
            assert.deepInclude(difference, { ordinal: 40, left: undefined })
          }
          assert.deepStrictEqual(yield* all(tape), [...numbered(0, 20), ...numbered(0, 20)])
        })
      )
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          for (const index of [0, 1, 2]) {
            const records = yield* all(yield* existingTape(lib, `copy-${index}`))
            assert.deepStrictEqual(records.at(-1), { mine: index })
          }
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    })
  )

  it.live("makes an empty tape from an empty tape", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      yield* withLib(storage, place(), (lib) =>
        Effect.gen(function* () {
          const tape = yield* tapeOf(lib, "a")
          yield* tape.clone(lib, "b")
          const copy = yield* existingTape(lib, "b")
          assert.isTrue(yield* Tape.equivalent(tape, copy))
          yield* copy.append([{ n: 1 }])
          assert.isFalse(yield* Tape.equivalent(tape, copy))
        })
      )
    })
  )
}

const batchesContract = ({ ground, place }: TransformKind): void => {
  for (const [what, before] of [
    ["fewer", 0],
    ["more", 40]
  ] as const) {
    it.live(`keeps appended records over closes and crashes in a lib with ${what} batches than the source's`, () =>
      Effect.gen(function* () {
        const kind = yield* ground
        const { storage } = kind
        const [at, copied] = [place(), place()]
        yield* withLib(storage, place(), (source) =>
          Effect.gen(function* () {
            const tape = yield* fill(source, "a", 20, 1)
            yield* crashed(kind, at, copied, (lib) =>
              Effect.gen(function* () {
                const other = yield* tapeOf(lib, "other")
                for (let n = 0; n < before; n++) yield* other.append([{ n }])
                yield* tape.clone(lib, "copy")
                const copy = yield* existingTape(lib, "copy")
                for (let n = 20; n < 25; n++) yield* copy.append(numbered(n, n + 1))
                yield* copy.appendSegment
                for (let n = 25; n < 30; n++) yield* copy.append(numbered(n, n + 1))
              })
            )
          })
        )
        for (const where of [at, copied]) {
          for (const recovered of [where === copied, false]) {
            yield* withLib(storage, where, (lib) =>
              Effect.gen(function* () {
                assert.strictEqual(lib.report.recovered, recovered)
                assert.deepStrictEqual(yield* all(yield* existingTape(lib, "copy")), numbered(0, 30))
                assert.isTrue((yield* lib.verify()).ok)
              })
            )
          }
        }
      })
    )
  }
}

const refusalsContract = ({ ground, place }: TransformKind): void => {
  it.live("is refused for a name that is taken or invalid, and changes nothing", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      yield* withLib(storage, place(), (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib, "a", 2, 2)
          yield* (yield* tapeOf(lib, "b")).append([{ b: 1 }])
          for (const name of ["a", "b"]) assert.strictEqual(yield* tagOf(tape.clone(lib, name)), "TapeExists")
          assert.strictEqual(yield* tagOf(tape.clone(lib, "../x")), "InvalidTapeName")
          assert.deepStrictEqual(yield* all(yield* existingTape(lib, "b")), [{ b: 1 }])
          // Whichever comes first succeeds.
          const both = yield* Effect.all([Effect.result(tape.clone(lib, "c")), Effect.result(lib.createTape("c"))], {
            concurrency: "unbounded"
          })
          const failed = both.filter((result) => result._tag === "Failure")
          assert.deepStrictEqual(
            failed.map((result) => result.failure._tag),
            ["TapeExists"]
          )
          const again = yield* Effect.all([Effect.result(lib.createTape("d")), Effect.result(tape.clone(lib, "d"))], {
            concurrency: "unbounded"
          })
          assert.lengthOf(
            again.filter((result) => result._tag === "Failure"),
            1
          )
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    })
  )

  it.live("lists nothing after an interruption anywhere, and its name can be used again", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib, "a", 4, 3)
          for (let stop = 1; stop <= 4; stop++) {
            let calls = 0
            const onProgress = () => Effect.suspend(() => ((calls += 1) === stop ? Effect.interrupt : Effect.void))
            const exit = yield* Effect.exit(tape.clone(lib, "copy", { onProgress }))
            assert.isTrue(Exit.hasInterrupts(exit))
            assert.deepStrictEqual(yield* namesOf(lib), ["a"])
          }
          yield* tape.clone(lib, "copy")
          assert.deepStrictEqual(yield* all(yield* existingTape(lib, "copy")), numbered(0, 12))
        })
      )
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* namesOf(lib), ["a", "copy"])
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    })
  )

  for (const [what, damage, expected] of [
    ["with a flipped bit", (bytes: Uint8Array) => flipped(bytes, 100), "SegmentCorrupt"],
    ["that is cut off", (bytes: Uint8Array) => bytes.subarray(0, -20), "SegmentCorrupt"],
    ["that is missing", undefined, "SegmentMissing"]
  ] as const) {
    it.live(`is refused for a segment ${what}, names it, lists nothing, and stops no writer`, () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        const at = place()
        yield* withLib(storage, at, (lib) => fill(lib, "a", 3, 4))
        const segment = "seg-000002.jsonl"
        yield* tamper(storage, at, (root) =>
          damage === undefined ? root.segments.remove("a", segment) : rewrite(root, "a", segment, damage)
        )
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            const tape = yield* existingTape(lib, "a")
            for (const attempt of [tape.clone(lib, "copy"), tape.repack({ force: true })]) {
              const error: object = yield* Effect.flip(attempt as Effect.Effect<unknown, object>)
              assert.deepInclude(error, { _tag: expected, tape: "a", segment })
            }
            assert.deepStrictEqual(yield* namesOf(lib), ["a"])
            yield* tape.append([{ more: true }])
            yield* lib.createTape("copy")
          })
        )
      })
    )
  }

  it.live("is refused if the limits of the target do not allow a record, and accepted otherwise", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const small = yield* openSession(storage, place(), { limits: { recordBytesMax: 2000, depthMax: 9 } })
      yield* withLib(storage, place(), (lib) =>
        Effect.gen(function* () {
          const deep = yield* tapeOf(lib, "deep")
          yield* deep.append([{ a: JSON.parse("[".repeat(20) + "]".repeat(20)) as unknown }])
          const long = yield* tapeOf(lib, "long")
          yield* long.append(numbered(0, 3, 3000))
          yield* long.repack({ compression: "zstd" })
          for (const [tape, reason] of [
            [deep, "NestingTooDeep"],
            [long, "RecordTooLarge"]
          ] as const) {
            const error = yield* Effect.flip(tape.clone(small.lib, "copy"))
            assert(error._tag === "TaraSONError")
            assert.strictEqual(error.reason._tag, reason)
          }
          assert.deepStrictEqual(yield* namesOf(small.lib), [])
          const fits = yield* fill(lib, "fits", 2, 3)
          yield* fits.clone(small.lib, "copy")
          assert.deepStrictEqual(yield* all(yield* existingTape(small.lib, "copy")), numbered(0, 6))
        })
      )
      yield* small.close
    })
  )
}

const eventsContract = ({ ground, place }: TransformKind): void => {
  it.live("makes a tape of records from a tape of events, which accepts appends and is not the event store's", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      yield* withLib(storage, place(), (lib) =>
        Effect.gen(function* () {
          const store = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
          yield* store.append("order-1", [{ type: "Made" }, { type: "Paid" }])
          yield* store.append("order-2", [{ type: "Made" }])
          const tape = yield* existingTape(lib, "order")
          const before = yield* all(tape)
          assert.strictEqual((yield* tape.clone(lib, "history")).role, "records")
          const copy = yield* existingTape(lib, "history")
          assert.isTrue(yield* Tape.equivalent(tape, copy))
          yield* copy.append([{ note: 1 }])
          assert.deepStrictEqual(yield* all(copy), [...before, { note: 1 }])
          yield* copy.repack({ compression: "zstd", dedup: true, force: true })
          yield* store.append("order-1", [{ type: "Sent" }])
          const positions = (yield* Stream.runCollect(store.readAll())).map(({ position }) => position)
          assert.deepStrictEqual(positions, [0, 1, 2, 3])
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    })
  )
}
