/** Libs that lost their meta: a new lib around the tapes, and what was committed comes back. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import { flipped, withoutRoom } from "../../support/copyLib.ts"
import {
  existingTape,
  flush,
  recordsOf,
  storeOf,
  type StorageService,
  tagOf,
  tapeOf,
  withLib
} from "../../support/openLib.ts"
import {
  crashed,
  fill,
  type Ground,
  numbered,
  putFiles,
  rewrite,
  rewriteMeta,
  tamper,
  type TransformKind
} from "../../support/transformGround.ts"

const recover = (storage: StorageService, at: string, options?: Lib.RecoverLibOptions) =>
  Effect.provideService(Lib.recover(at, options), Storage, storage)

/** Two tapes and some events, in segments in part; a copy of the lib while it lives. */
const prepare = (kind: Ground, at: string, copied: string) =>
  crashed(kind, at, copied, (lib) =>
    Effect.gen(function* () {
      const tape = yield* fill(lib, "a", 3, 3)
      const store = yield* storeOf(lib)
      yield* store.append("order-1", [{ type: "Made" }, { type: "Paid" }])
      yield* flush(lib, "order")
      yield* store.appendAll([
        { stream: "order-1", events: [{ type: "Sent" }] },
        { stream: "bill-1", events: [{ type: "Made" }] }
      ])
      yield* tape.append(numbered(9, 12))
      return { lib: lib.id, tapes: (yield* lib.tapes).map(({ name, tape: id }) => [name, id]) }
    })
  )

const check = (storage: StorageService, at: string, ids: ReadonlyArray<unknown>) =>
  Effect.gen(function* () {
    for (const round of [0, 1]) {
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          assert.isFalse(lib.report.recovered)
          assert.deepStrictEqual(
            (yield* lib.tapes).map(({ name, tape }) => [name, tape]),
            [...ids]
          )
          assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 12 + round))
          const store = yield* storeOf(lib)
          const events = yield* Stream.runCollect(store.readAll())
          assert.deepStrictEqual(
            events.map(({ position }) => position),
            [0, 1, 2, 3, 4].slice(0, 4 + round)
          )
          const { lastRevision, lastPosition } = yield* store.append("order-1", [{ type: "More" }], {
            expected: 2 + round
          })
          assert.deepStrictEqual([lastRevision, lastPosition], [3 + round, 4 + round])
          const receipt = yield* Effect.flatMap(existingTape(lib, "a"), (tape) =>
            tape.append(numbered(12 + round, 13 + round))
          )
          assert.deepInclude(receipt, { firstOrdinal: 12 + round, batch: 2 + round * 2 })
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    }
  })

export const recoverLibContract = (kind: TransformKind): void => {
  describe("recovery of a lib", () => {
    lostContract(kind)
    damagedContract(kind)
    tapesContract(kind)
  })
}

const lostContract = ({ ground, place }: TransformKind): void => {
  for (const state of ["closed", "crashed"] as const) {
    it.live(`gives back a lib without meta that was ${state}: tapes, batches and positions go on`, () =>
      Effect.gen(function* () {
        const kind = yield* ground
        const { loseMeta, storage } = kind
        const [closed, copied] = [place(), place()]
        const { lib, tapes } = yield* prepare(kind, closed, copied)
        const at = state === "closed" ? closed : copied
        yield* loseMeta(at, undefined)
        assert.strictEqual(yield* tagOf(withLib(storage, at, () => Effect.void)), "LibInvalid")
        const report = yield* recover(storage, at)
        assert.notStrictEqual(report.lib, lib)
        assert.deepInclude(report, { invalid: [], damaged: [], positionsMissing: 0 })
        assert.deepStrictEqual(
          report.tapes.map(({ name, records, fromDynamic, unplaced }) => [name, records, fromDynamic, unplaced]),
          [
            ["a", 12, state === "closed" ? 0 : 3, 0],
            ["bill", 1, state === "closed" ? 0 : 1, 0],
            ["order", 3, state === "closed" ? 0 : 1, 0]
          ]
        )
        assert.lengthOf(report.aside, state === "closed" ? 0 : 1)
        assert.strictEqual(yield* tagOf(recover(storage, at)), "NotDamaged")
        yield* check(storage, at, tapes)
      })
    )
  }

  it.live("is refused where nothing is lost, or nothing is there", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const at = place()
      assert.strictEqual(yield* tagOf(recover(storage, at)), "LibInvalid")
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          yield* fill(lib, "a", 1, 1)
          assert.strictEqual(yield* tagOf(recover(storage, at)), "LibLocked")
        })
      )
      assert.strictEqual(yield* tagOf(recover(storage, at)), "NotDamaged")
    })
  )
}

const damagedContract = ({ ground, place, step }: TransformKind): void => {
  it.live("gives back a lib whose meta has a damaged byte, wherever opening refuses it", () =>
    Effect.gen(function* () {
      const kind = yield* ground
      const { copy, storage } = kind
      const [closed, copied] = [place(), place()]
      const { tapes } = yield* prepare(kind, closed, copied)
      const size = yield* Effect.scoped(
        Effect.flatMap(storage.open(copied, "read"), (root) =>
          Effect.map(root.meta.read(undefined), (meta) => meta!.bytes.length)
        )
      )
      let refused = 0
      for (let byte = 0; byte < size; byte += 3 * step) {
        const at = place()
        yield* copy(copied, at)
        yield* tamper(storage, at, (root) => rewriteMeta(root, undefined, (bytes) => flipped(bytes, byte, byte % 7)))
        const opened = yield* Effect.result(withLib(storage, at, (lib) => recordsOf(lib, "a")))
        if (opened._tag === "Success") {
          assert.deepStrictEqual(opened.success, numbered(0, 12), `byte ${byte}`)
          continue
        }
        refused += 1
        const report = yield* recover(storage, at)
        assert.deepInclude(report, { invalid: [], positionsMissing: 0 }, `byte ${byte}`)
        assert.isAtLeast(report.aside.length, 2)
        yield* check(storage, at, tapes)
      }
      assert.isAbove(refused, 3)
    })
  )

  it.live("says what was committed behind damage, and cannot be put back", () =>
    Effect.gen(function* () {
      const kind = yield* ground
      const { loseMeta, storage } = kind
      const [at, copied] = [place(), place()]
      yield* crashed(kind, at, copied, (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib, "a", 1, 3)
          for (let n = 3; n < 9; n++) yield* tape.append(numbered(n, n + 1))
        })
      )
      yield* tamper(storage, copied, (root) =>
        Effect.gen(function* () {
          const [n] = yield* root.journal.list
          const size = (yield* root.journal.size(n!))!
          const bytes = withoutRoom(yield* root.journal.read(n!, 0, size))
          yield* Effect.flatMap(
            root.journal.create(n!, flipped(bytes, Math.floor(bytes.length * 0.7))),
            (writer) => writer.close
          )
        })
      )
      yield* loseMeta(copied, undefined)
      const { damaged, tapes } = yield* recover(storage, copied)
      assert.lengthOf(damaged, 1)
      assert.isAbove(damaged[0]!.offset, 0)
      const { records } = tapes[0]!
      assert.isAbove(records, 3)
      assert.isBelow(records, 9)
      yield* withLib(storage, copied, (lib) =>
        Effect.map(recordsOf(lib, "a"), (found) => assert.deepStrictEqual(found, numbered(0, records)))
      )
    })
  )

  it.live("says which positions no tape has any more, and goes on behind them", () =>
    Effect.gen(function* () {
      const { loseMeta, storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const store = yield* storeOf(lib)
          for (const stream of ["a-1", "b-1", "a-1"]) yield* store.append(stream, [{ type: "T" }, { type: "U" }])
        })
      )
      yield* tamper(storage, at, (root) => rewriteMeta(root, "b", (bytes) => flipped(bytes, 4)))
      yield* loseMeta(at, undefined)
      const report = yield* recover(storage, at)
      assert.deepStrictEqual(
        report.invalid.map(({ tape }) => tape),
        ["b"]
      )
      assert.strictEqual(report.positionsMissing, 2)
      yield* tamper(storage, at, (root) =>
        Effect.flatMap(
          root.segments.list("b"),
          Effect.forEach((segment) => root.segments.remove("b", segment))
        )
      )
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const store = yield* storeOf(lib)
          // Nobody reads on as if it had never been there.
          assert.strictEqual(yield* tagOf(Stream.runDrain(store.readAll())), "MetaCorrupt")
          assert.strictEqual((yield* lib.recoverTape("b")).records, 0)
          assert.strictEqual(yield* tagOf(Stream.runDrain(store.readAll())), "PositionGap")
          assert.strictEqual((yield* store.append("a-1", [{ type: "V" }], { expected: 3 })).lastPosition, 6)
          const positions = yield* Stream.runCollect(store.readAll({ allowGaps: true }))
          assert.deepStrictEqual(
            positions.map(({ position }) => position),
            [0, 1, 4, 5, 6]
          )
        })
      )
    })
  )

  for (const how of ["is lost", "is damaged"] as const) {
    it.live(`lists a tape whose own meta ${how} too: it comes back by itself`, () =>
      Effect.gen(function* () {
        const { loseMeta, storage } = yield* ground
        const at = place()
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            for (const stream of ["a-1", "b-1", "a-1", "b-1"]) yield* store.append(stream, [{ type: "T" }])
            yield* Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append(numbered(0, 3)))
          })
        )
        for (const tape of ["b", "notes"]) {
          if (how === "is lost") yield* loseMeta(at, tape)
          else yield* tamper(storage, at, (root) => rewriteMeta(root, tape, (bytes) => flipped(bytes, 400)))
        }
        yield* loseMeta(at, undefined)
        const { invalid, positionsMissing, tapes } = yield* recover(storage, at)
        assert.deepStrictEqual(
          [tapes.map(({ name }) => name), invalid.map(({ tape }) => tape)],
          [["a"], ["b", "notes"]]
        )
        assert.strictEqual(positionsMissing, 2)
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            assert.strictEqual((yield* store.append("a-1", [{ type: "U" }])).lastPosition, 4)
            for (const tape of ["b", "notes"]) assert.deepStrictEqual((yield* lib.recoverTape(tape)).lost, [])
            const events = yield* Stream.runCollect(store.readAll())
            assert.deepStrictEqual(
              events.map(({ position, stream }) => [position, stream]),
              ["a-1", "b-1", "a-1", "b-1", "a-1"].map((stream, position) => [position, stream])
            )
            assert.strictEqual((yield* store.append("b-1", [{ type: "U" }], { expected: 1 })).lastPosition, 5)
            assert.deepStrictEqual(yield* recordsOf(lib, "notes"), numbered(0, 3))
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
      })
    )
  }

  it.live("names what was committed to a tape that it cannot list, and goes on behind its positions", () =>
    Effect.gen(function* () {
      const found = yield* ground
      const { loseMeta, storage } = found
      const [at, copied] = [place(), place()]
      const id = yield* crashed(found, at, copied, (lib) =>
        Effect.gen(function* () {
          const store = yield* storeOf(lib)
          yield* store.append("a-1", [{ type: "T" }])
          yield* store.append("b-1", [{ type: "T" }, { type: "U" }])
          return (yield* existingTape(lib, "b")).id
        })
      )
      yield* loseMeta(copied, "b")
      yield* loseMeta(copied, undefined)
      const { aside, invalid, positionsMissing, unadopted } = yield* recover(storage, copied)
      assert.deepStrictEqual(unadopted, [{ tape: id, records: 2 }])
      assert.strictEqual(positionsMissing, 2)
      assert.isAbove(aside.length, 0)
      // No file of it is there: nothing says that there was a tape of this name.
      assert.isAtMost(invalid.length, 1)
      // One event that is back, two that are not: their positions are not given again.
      const { firstPosition } = yield* withLib(storage, copied, (lib) =>
        Effect.flatMap(storeOf(lib), (store) => store.append("a-1", [{ type: "U" }], { expected: 0 }))
      )
      assert.strictEqual(firstPosition, 3)
    })
  )
}

const tapesContract = ({ ground, place }: TransformKind): void => {
  it.live("does not choose between two folders with the identity of one tape", () =>
    Effect.gen(function* () {
      const { loseMeta, storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) => Effect.andThen(fill(lib, "a", 2, 2), tapeOf(lib, "b")))
      yield* tamper(storage, at, (root) =>
        Effect.gen(function* () {
          yield* root.tapes.create("a-copy", (yield* root.meta.read("a"))!.bytes)
        })
      )
      yield* loseMeta(at, undefined)
      const error = yield* Effect.flip(recover(storage, at))
      assert(error._tag === "RecoverAmbiguous")
      assert.deepStrictEqual([...error.files], ["a", "a-copy"])
    })
  )

  it.live("leaves out what no tape can be called, and what an interrupted clone left", () =>
    Effect.gen(function* () {
      const { loseMeta, storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib, "a", 2, 2)
          yield* Effect.exit(tape.clone(lib, "half", { onProgress: () => Effect.interrupt }))
        })
      )
      yield* loseMeta(at, undefined)
      const { tapes, invalid } = yield* recover(storage, at)
      assert.deepStrictEqual(
        tapes.map(({ name }) => name),
        ["a"]
      )
      assert.deepStrictEqual(
        invalid.map(({ tape }) => tape),
        ["half"]
      )
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          yield* lib.createTape("half")
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    })
  )

  it.live("keeps compressed, deduplicated and sharded segments as they are; damaged ones are found by verify", () =>
    Effect.gen(function* () {
      const { loseMeta, storage } = yield* ground
      const at = place()
      const records = [...numbered(0, 20), ...numbered(0, 20)]
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* tapeOf(lib, "a")
          yield* tape.append(records)
          yield* tape.repack({ compression: "zstd", dedup: true, shardEvery: 2, targetBytes: 900 })
        })
      )
      yield* loseMeta(at, undefined)
      yield* recover(storage, at)
      const [first] = yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* recordsOf(lib, "a"), records)
          assert.isTrue((yield* lib.verify()).ok)
          return yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.segments)
        })
      )
      yield* tamper(storage, at, (root) => rewrite(root, "a", first!.name, (bytes) => flipped(bytes, 30)))
      yield* putFiles(storage, at, "a", [["seg-000999.jsonl", Buffer.from("stray")]])
      yield* withLib(storage, at, (lib) =>
        Effect.map(lib.verify(), ({ bad }) =>
          assert.deepStrictEqual(
            bad.map(({ file }) => file),
            [`a/${first!.name}`]
          )
        )
      )
    })
  )
}
