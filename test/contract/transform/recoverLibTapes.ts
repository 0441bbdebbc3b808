/** Libs that lost their meta, and whose tapes are lost, damaged, doubled or half made too: which of them are listed. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { flipped } from "../../support/copyLib.ts"
import { damagedLib, damageMeta } from "../../support/damagedLib.ts"
import { existingTape, recordsOf, storeOf, tagOf, tapeOf } from "../../support/openLib.ts"
import { appendTo, fill, numbered, putFiles, rewrite, type TransformKind } from "../../support/transformGround.ts"

export const recoverLibTapesContract = (kind: TransformKind): void => {
  describe("recovery of a lib", () => {
    positionsContract(kind)
    tapesContract(kind)
  })
}

const namesOf = (invalid: ReadonlyArray<{ readonly tape: string }>) => invalid.map(({ tape }) => tape)

const positionsContract = (kind: TransformKind): void => {
  it.live("reports the positions that no tape contains any more, and continues after them", () =>
    Effect.gen(function* () {
      const { change, open, recover } = yield* damagedLib(kind, {
        write: (lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            for (const stream of ["a-1", "b-1", "a-1"]) yield* store.append(stream, [{ type: "T" }, { type: "U" }])
          }),
        damage: (root) => damageMeta(root, "b", 4),
        lose: [undefined]
      })
      const report = yield* recover
      assert.deepStrictEqual(namesOf(report.invalid), ["b"])
      assert.strictEqual(report.positionsMissing, 2)
      yield* change((root) =>
        Effect.flatMap(
          root.segments.list("b"),
          Effect.forEach((segment) => root.segments.remove("b", segment))
        )
      )
      yield* open((lib) =>
        Effect.gen(function* () {
          const store = yield* storeOf(lib)
          // Reading does not skip the damaged tape.
          assert.strictEqual(yield* tagOf(Stream.runDrain(store.readAll())), "MetaCorrupt")
          assert.strictEqual((yield* lib.recoverTape("b")).records, 0)
          assert.strictEqual(yield* tagOf(Stream.runDrain(store.readAll())), "EventsLost")
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
    it.live(`lists a tape whose own meta ${how} too, so that it can be recovered separately`, () =>
      Effect.gen(function* () {
        const { open, recover } = yield* damagedLib(kind, {
          write: (lib) =>
            Effect.gen(function* () {
              const store = yield* storeOf(lib)
              for (const stream of ["a-1", "b-1", "a-1", "b-1"]) yield* store.append(stream, [{ type: "T" }])
              yield* tapeOf(lib, "notes")
              yield* appendTo(lib, "notes", numbered(0, 3))
            }),
          damage: (root) =>
            Effect.forEach(how === "is damaged" ? ["b", "notes"] : [], (tape) => damageMeta(root, tape, 400)),
          lose: how === "is lost" ? ["b", "notes", undefined] : [undefined]
        })
        const { invalid, positionsMissing, tapes } = yield* recover
        assert.deepStrictEqual([tapes.map(({ name }) => name), namesOf(invalid)], [["a"], ["b", "notes"]])
        assert.strictEqual(positionsMissing, 2)
        yield* open((lib) =>
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

  it.live("reports records of a tape that it cannot list, and continues after their positions", () =>
    Effect.gen(function* () {
      const { left, open, recover } = yield* damagedLib(kind, {
        crash: (lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            yield* store.append("a-1", [{ type: "T" }])
            yield* store.append("b-1", [{ type: "T" }, { type: "U" }])
            return (yield* existingTape(lib, "b")).id
          }),
        lose: ["b", undefined]
      })
      const { aside, invalid, positionsMissing, unadopted } = yield* recover
      assert.deepStrictEqual(unadopted, [{ tape: left, records: 2 }])
      assert.strictEqual(positionsMissing, 2)
      assert.isAbove(aside.length, 0)
      // The tape has no file left: nothing shows that there was a tape of this name.
      assert.isAtMost(invalid.length, 1)
      // One event is recovered, two are not: their positions are not given again.
      const { firstPosition } = yield* open((lib) =>
        Effect.flatMap(storeOf(lib), (store) => store.append("a-1", [{ type: "U" }], { expected: 0 }))
      )
      assert.strictEqual(firstPosition, 3)
    })
  )
}

const tapesContract = (kind: TransformKind): void => {
  it.live("refuses to choose between two folders with the identity of one tape", () =>
    Effect.gen(function* () {
      const { recover } = yield* damagedLib(kind, {
        write: (lib) => Effect.andThen(fill(lib, "a", 2, 2), tapeOf(lib, "b")),
        damage: (root) => Effect.flatMap(root.meta.read("a"), (meta) => root.tapes.create("a-copy", meta!.bytes)),
        lose: [undefined]
      })
      const error = yield* Effect.flip(recover)
      assert(error._tag === "RecoverAmbiguous")
      assert.deepStrictEqual([...error.files], ["a", "a-copy"])
    })
  )

  it.live("omits folders that cannot be tapes, and the leftovers of an interrupted clone", () =>
    Effect.gen(function* () {
      const { open, recover } = yield* damagedLib(kind, {
        write: (lib) =>
          Effect.flatMap(fill(lib, "a", 2, 2), (tape) =>
            Effect.exit(tape.clone(lib, "half", { onProgress: () => Effect.interrupt }))
          ),
        lose: [undefined]
      })
      const { tapes, invalid } = yield* recover
      assert.deepStrictEqual(
        tapes.map(({ name }) => name),
        ["a"]
      )
      assert.deepStrictEqual(namesOf(invalid), ["half"])
      yield* open((lib) =>
        Effect.gen(function* () {
          yield* lib.createTape("half")
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    })
  )

  it.live("keeps compressed, deduplicated and sharded segments unchanged, and leaves damaged ones to verify", () =>
    Effect.gen(function* () {
      const records = [...numbered(0, 20), ...numbered(0, 20)]
      const { at, change, open, recover, storage } = yield* damagedLib(kind, {
        write: (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "a")
            yield* tape.append(records)
            yield* tape.repack({ compression: "zstd", dedup: true, shardEvery: 2, targetBytes: 900 })
          }),
        lose: [undefined]
      })
      yield* recover
      const [first] = yield* open((lib) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* recordsOf(lib, "a"), records)
          assert.isTrue((yield* lib.verify()).ok)
          return yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.segments)
        })
      )
      yield* change((root) => rewrite(root, "a", first!.name, (bytes) => flipped(bytes, 30)))
      yield* putFiles(storage, at, "a", [["seg-000999.jsonl", Buffer.from("stray")]])
      const { bad } = yield* open((lib) => lib.verify())
      assert.deepStrictEqual(
        bad.map(({ file }) => file),
        [`a/${first!.name}`]
      )
    })
  )
}
