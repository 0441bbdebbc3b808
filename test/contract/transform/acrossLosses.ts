/** What a loss means for everything that passes it: reads of all tapes and of parts, clones, restores and merges. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import type * as Tape from "litetapes/Tape"
import { flipped } from "../../support/copyLib.ts"
import { damagedLib, segmentFile } from "../../support/damagedLib.ts"
import { existingTape, flush, type LibService, recordsOf, storeOf, tagOf, tapeOf } from "../../support/openLib.ts"
import { rewrite, type TransformKind } from "../../support/transformGround.ts"

/** Positions 0 to 11. The tape `a` loses 5 and 6, between others of its own; the tape `b` has one segment. */
const tapes = ["a", "a", "a", "b", "b", "a", "a", "b", "b", "a", "b", "b"] as const

/** Appends the events, and as many notes as those of tape `a`, in segments of three, two and one. */
const write = (lib: LibService) =>
  Effect.gen(function* () {
    const store = yield* storeOf(lib)
    const notes = yield* tapeOf(lib, "notes")
    for (const [position, tape] of tapes.entries()) {
      yield* store.append(`${tape}-1`, [{ type: "Happened", data: { position } }])
      if (tape === "a") yield* notes.append([{ position }])
      if (![2, 6, 9].includes(position)) continue
      yield* flush(lib, "a")
      yield* flush(lib, "notes")
    }
    yield* flush(lib, "b")
  })

const lossy = (kind: TransformKind) =>
  Effect.gen(function* () {
    const damaged = yield* damagedLib(kind, {
      write,
      damage: (root) =>
        Effect.andThen(root.segments.remove("a", segmentFile(2)), root.segments.remove("notes", segmentFile(2)))
    })
    yield* damaged.open((lib) => Effect.forEach(["a", "notes"], (name) => lib.salvageTape(name)))
    return damaged
  })

/** Returns what a stream gives, and the tag of the error that it ends with. */
const endOf = <A, E extends { readonly _tag: string }>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function* () {
    const given: Array<A> = []
    const tap = Stream.runForEach(stream, (one) => Effect.sync(() => void given.push(one)))
    const exit = yield* Effect.result(tap)
    return { given, end: exit._tag === "Failure" ? exit.failure._tag : "done" }
  })

export const acrossLossesContract = (kind: TransformKind): void => {
  describe("across a loss", () => {
    it.live("a read of all events gives those before it and no other, whatever other tapes hold", () =>
      Effect.gen(function* () {
        const { open } = yield* lossy(kind)
        yield* open((lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            for (const filter of [undefined, { types: ["Happened"] }]) {
              const options = filter === undefined ? {} : { filter }
              for (const from of [0, 1, 3, 4]) {
                const { end, given } = yield* endOf(store.readAll({ ...options, from }))
                assert.deepStrictEqual(
                  given.map(({ position }) => position),
                  [0, 1, 2, 3, 4].slice(from)
                )
                assert.strictEqual(end, "EventsLost")
              }
              const backward = yield* endOf(store.readAll({ ...options, direction: "backward" }))
              assert.deepStrictEqual(
                backward.given.map(({ position }) => position),
                [11, 10, 9, 8, 7]
              )
              assert.strictEqual(backward.end, "EventsLost")
            }
            yield* lib.acceptLoss("a")
            assert.lengthOf(yield* Stream.runCollect(store.readAll()), 10)
          })
        )
      })
    )

    it.live("a read of records that begins there, again or page by page, fails too", () =>
      Effect.gen(function* () {
        const { open } = yield* lossy(kind)
        yield* open((lib) =>
          Effect.gen(function* () {
            const notes = yield* existingTape(lib, "notes")
            const read = (range: Tape.RecordRange) => endOf(notes.records(range))
            for (const range of [{}, { from: 3 }, { from: 3, to: 4 }, { from: 2, to: 4 }, { from: 3, reverse: true }]) {
              assert.strictEqual((yield* read(range)).end, "RecordsLost", JSON.stringify(range))
            }
            for (const range of [{ to: 3 }, { from: 1, to: 3 }, { from: 4 }]) {
              assert.strictEqual((yield* read(range)).end, "done", JSON.stringify(range))
            }
          })
        )
      })
    )

    it.live("a clone has it too", () =>
      Effect.gen(function* () {
        const { open } = yield* lossy(kind)
        yield* open((lib) =>
          Effect.gen(function* () {
            for (const name of ["a", "notes"]) {
              const clone = `clone-of-${name}`
              yield* Effect.flatMap(existingTape(lib, name), (tape) => tape.clone(lib, clone))
              assert.strictEqual(yield* tagOf(recordsOf(lib, clone)), "RecordsLost")
              assert.lengthOf(yield* recordsOf(lib, clone, { allowGaps: true }), 4)
            }
            const { bad, lost } = yield* lib.verify()
            assert.deepStrictEqual(bad, [])
            assert.includeMembers(
              lost.map(({ tape }) => tape),
              ["clone-of-a", "clone-of-notes"]
            )
          })
        )
      })
    )

    it.live("a restore to a position within it keeps only what comes before that position", () =>
      Effect.gen(function* () {
        const { open, storage } = yield* lossy(kind)
        const [backup, to] = [kind.place(), kind.place()]
        yield* open((lib) => lib.backup(backup))
        yield* Effect.provideService(Lib.restore(backup, to, { upTo: 6 }), Storage, storage)
        const restored = Effect.scoped(
          Effect.gen(function* () {
            const lib = yield* Lib.open(to)
            const store = yield* storeOf(lib)
            assert.isTrue((yield* lib.verify()).ok)
            assert.strictEqual((yield* store.append("b-1", [{ type: "After" }])).firstPosition, 6)
            assert.strictEqual((yield* endOf(store.readAll({ from: 6 }))).end, "done")
            assert.strictEqual((yield* endOf(store.readAll())).end, "EventsLost")
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
        yield* Effect.provideService(restored, Storage, storage)
      })
    )

    it.live("an event or a command that may be lost is not said to be absent, until the loss is accepted", () =>
      Effect.gen(function* () {
        const damaged = yield* damagedLib(kind, {
          write: (lib) =>
            Effect.gen(function* () {
              const store = yield* storeOf(lib)
              for (const n of [0, 1, 2]) {
                yield* store.append("a-1", [{ type: "Happened", id: `id-${n}` }])
                yield* store.append("a-2", [{ type: "Happened" }, { type: "Happened" }], { commandId: `c-${n}` })
                yield* flush(lib, "a")
              }
              yield* store.append("b-1", [{ type: "Happened", id: "id-1" }])
            }),
          damage: (root) => root.segments.remove("a", segmentFile(2))
        })
        yield* damaged.open((lib) => lib.salvageTape("a"))
        yield* damaged.open((lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            const look = Effect.all({
              first: store.find("a-1", "id-0"),
              last: store.find("a-1", "id-2"),
              b: store.find("b-1", "id-1"),
              other: store.find("b-1", "id-7"),
              command: store.findCommand("a-2", "c-2")
            })
            const there = yield* look
            assert.deepInclude(there.first, { revision: 0 })
            assert.deepInclude(there.last, { revision: 2 })
            assert.deepInclude(there.b, { revision: 0 })
            assert.isUndefined(there.other)
            assert.deepInclude(there.command, { firstRevision: 4, lastRevision: 5 })
            for (const id of ["id-1", "never"]) {
              assert.strictEqual(yield* tagOf(store.find("a-1", id)), "EventsLost")
              assert.strictEqual(yield* tagOf(store.findCommand("a-2", id)), "EventsLost")
            }
            assert.strictEqual(yield* tagOf(store.findCommand("a-2", "c-1")), "EventsLost")
            yield* lib.acceptLoss("a")
            assert.isUndefined(yield* store.find("a-1", "id-1"))
            assert.isUndefined(yield* store.findCommand("a-2", "c-1"))
            assert.deepStrictEqual(yield* look, there)
          })
        )
      })
    )

    it.live("no merge passes it, and so none is repeated at each close", () =>
      Effect.gen(function* () {
        const damaged = yield* damagedLib(kind, {
          // Salvage leaves a small segment before the loss and a larger one after it, which would be merged otherwise.
          write: (lib) =>
            Effect.gen(function* () {
              const store = yield* storeOf(lib)
              const data = "x".repeat(1000)
              yield* store.append(
                "a-1",
                Array.from({ length: 600 }, () => ({ type: "Happened", data }))
              )
              yield* flush(lib, "a")
            }),
          damage: (root) => rewrite(root, "a", segmentFile(1), (bytes) => flipped(bytes, 100_000))
        })
        yield* damaged.open((lib) => lib.salvageTape("a", { acceptLoss: true }))
        const numbers = Effect.scoped(
          Effect.gen(function* () {
            const lib = yield* Lib.open(damaged.at)
            yield* Effect.flatMap(tapeOf(lib, "other"), (tape) => tape.append([{ n: 1 }]))
            const segments = yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.segments)
            return segments.map(({ number }) => number)
          })
        ).pipe(Effect.provideService(Storage, damaged.storage))
        const before = yield* numbers
        assert.lengthOf(before, 2)
        for (let n = 0; n < 3; n++) assert.deepStrictEqual(yield* numbers, before)
      })
    )
  })
}
