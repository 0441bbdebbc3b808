/** Tapes that lost their meta: what their files and the dynamic segments hold comes back, and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { flipped } from "../../support/copyLib.ts"
import { failing } from "../../support/failingStorage.ts"
import { existingTape, openSession, recordsOf, tagOf, tapeOf, withLib } from "../../support/openLib.ts"
import {
  all,
  crashed,
  damageOwn,
  fill,
  filesOf,
  itQuietly,
  numbered,
  putFiles,
  rewrite,
  rewriteMeta,
  tamper,
  type TransformKind
} from "../../support/transformGround.ts"
import * as IndexFiles from "../../../src/services/segment/IndexFiles.ts"

export const recoverContract = (kind: TransformKind): void => {
  describe("recover", () => {
    metaContract(kind)
    dynamicContract(kind)
    damageContract(kind)
    againContract(kind)
    interruptionContract(kind)
    refusalsContract(kind)
  })
}

const segmentNames = (numbers: ReadonlyArray<number>): ReadonlyArray<string> =>
  numbers.map((number) => `seg-${String(number).padStart(6, "0")}.jsonl`)

const metaContract = ({ ground, place, step }: TransformKind): void => {
  it.live("gives back a tape without meta under a new identity, and says what it did", () =>
    Effect.gen(function* () {
      const { loseMeta, storage } = yield* ground
      const at = place()
      const id = yield* withLib(storage, at, (lib) => Effect.map(fill(lib, "a", 3, 4), (tape) => tape.id))
      yield* loseMeta(at, "a")
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* tagOf(existingTape(lib, "a")), "TapeInvalid")
          const report = yield* lib.recoverTape("a")
          const tape = yield* existingTape(lib, "a")
          assert.deepStrictEqual(report, {
            name: "a",
            tape: tape.id,
            replaces: id,
            records: 12,
            segments: segmentNames([1, 2, 3]),
            fromDynamic: 0,
            lost: [],
            dropped: [],
            missing: [],
            gaps: []
          })
          assert.notStrictEqual(tape.id, id)
          assert.deepStrictEqual((yield* tape.meta).origin, { kind: "recovered", tape: id })
          assert.deepStrictEqual(yield* all(tape), numbered(0, 12))
          assert.strictEqual((yield* tape.append(numbered(12, 13))).firstOrdinal, 12)
          assert.strictEqual(yield* tagOf(lib.recoverTape("a")), "NotDamaged")
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 13))
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    })
  )

  it.live("gives back a tape whose meta has a damaged byte, wherever that is", () =>
    Effect.gen(function* () {
      const { copy, storage } = yield* ground
      const at = place()
      const size = yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib, "a", 2, 2)
          yield* tape.setUserMeta("note", 1)
          yield* tape.repack({ targetBytes: 150, compression: "gzip" })
          yield* tape.append(numbered(4, 6))
        })
      ).pipe(
        Effect.andThen(tamper(storage, at, (root) => Effect.map(root.meta.read("a"), (meta) => meta!.bytes.length)))
      )
      for (let byte = 0; byte < size; byte += step) {
        const damaged = place()
        yield* copy(at, damaged)
        yield* tamper(storage, damaged, (root) => rewriteMeta(root, "a", (bytes) => flipped(bytes, byte, byte % 7)))
        yield* withLib(storage, damaged, (lib) =>
          Effect.gen(function* () {
            const report = yield* lib.recoverTape("a")
            assert.deepInclude(report, { records: 6, lost: [], dropped: [], gaps: [] }, `byte ${byte}`)
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 6), `byte ${byte}`)
          })
        )
      }
    })
  )

  it.live("under a tape that is in use: who has it goes on with what is there, under the new identity", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const at = place()
      const session = yield* openSession(storage, at)
      const tape = yield* fill(session.lib, "a", 2, 3)
      yield* tape.append(numbered(6, 9))
      const { id } = tape
      yield* damageOwn(session.lib, "a")
      const report = yield* session.lib.recoverTape("a")
      assert.deepInclude(report, { records: 9, fromDynamic: 3, replaces: id })
      assert.strictEqual(tape.id, report.tape)
      assert.deepStrictEqual(yield* all(tape), numbered(0, 9))
      yield* tape.append(numbered(9, 12))
      assert.deepStrictEqual(yield* all(tape), numbered(0, 12))
      yield* tape.appendSegment
      yield* tape.setUserMeta("note", "after")
      yield* tape.repack({ targetBytes: 400, force: true })
      yield* tape.clone(session.lib, "copy")
      assert.deepStrictEqual(yield* all(tape), numbered(0, 12))
      assert.isTrue((yield* session.lib.verify()).ok)
      yield* session.close
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          for (const name of ["a", "copy"]) assert.deepStrictEqual(yield* recordsOf(lib, name), numbered(0, 12))
        })
      )
    })
  )
}

const dynamicContract = ({ ground, place }: TransformKind): void => {
  for (const [what, flushed] of [
    ["in no segment yet", 0],
    ["in segments in part", 3]
  ] as const) {
    for (const repeated of [false, true]) {
      it.live(
        `puts what was committed and is ${what} behind the files${repeated ? ", though all records are the same" : ""}`,
        () =>
          Effect.gen(function* () {
            const kind = yield* ground
            const { loseMeta, storage } = kind
            const [at, copied] = [place(), place()]
            const record = (n: number) => (repeated ? { same: true } : numbered(n, n + 1)[0]!)
            yield* withLib(storage, at, (lib) =>
              Effect.gen(function* () {
                const tape = yield* tapeOf(lib, "a")
                yield* tape.append([record(0), record(1)])
              })
            )
            yield* crashed(kind, at, copied, (lib) =>
              Effect.gen(function* () {
                const tape = yield* existingTape(lib, "a")
                for (let n = 2; n < 8; n++) {
                  yield* tape.append([record(n)])
                  if (n < 2 + flushed) yield* tape.appendSegment
                }
              })
            )
            yield* loseMeta(copied, "a")
            yield* withLib(storage, copied, (lib) =>
              Effect.gen(function* () {
                const report = yield* lib.recoverTape("a")
                assert.deepInclude(report, { records: 8, fromDynamic: 6 - flushed, gaps: [] })
                const expected = Array.from({ length: 8 }, (_, n) => record(n))
                assert.deepStrictEqual(yield* recordsOf(lib, "a"), expected)
              })
            )
            yield* withLib(storage, copied, (lib) =>
              Effect.gen(function* () {
                assert.lengthOf(yield* recordsOf(lib, "a"), 8)
                assert.isTrue((yield* lib.verify()).ok)
              })
            )
          })
      )
    }
  }

  for (const meta of ["lost", "damaged"] as const) {
    for (const lost of [2, 4]) {
      it.live(
        `repeats nothing where segment ${lost} is gone too, and the last ones are in a dynamic segment (meta ${meta})`,
        () =>
          Effect.gen(function* () {
            const kind = yield* ground
            const { loseMeta, storage } = kind
            const [at, copied] = [place(), place()]
            yield* withLib(storage, at, (lib) => fill(lib, "a", 2, 3))
            yield* crashed(kind, at, copied, (lib) =>
              Effect.gen(function* () {
                const tape = yield* existingTape(lib, "a")
                for (let n = 6; n < 15; n += 3) {
                  yield* tape.append(numbered(n, n + 3))
                  if (n < 12) yield* tape.appendSegment
                }
              })
            )
            yield* tamper(storage, copied, (root) =>
              Effect.gen(function* () {
                yield* root.segments.remove("a", segmentNames([lost])[0]!)
                if (meta === "damaged") yield* rewriteMeta(root, "a", (bytes) => flipped(bytes, 5))
              })
            )
            if (meta === "lost") yield* loseMeta(copied, "a")
            yield* withLib(storage, copied, (lib) =>
              Effect.gen(function* () {
                const report = yield* lib.recoverTape("a")
                // Segments 3 and 4 were flushed by the writer whose dynamic segments are still there.
                const gone = new Set(lost === 2 ? [3, 4, 5] : [])
                const expected = numbered(0, 15).filter(({ n }) => !gone.has(n as number))
                assert.deepStrictEqual(yield* recordsOf(lib, "a"), expected)
                assert.strictEqual(report.records, expected.length)
                if (meta === "damaged") {
                  assert.deepStrictEqual(
                    report.lost.map(({ segment }) => segment),
                    segmentNames([lost])
                  )
                }
              })
            )
          })
      )
    }
  }
}

const damageContract = ({ ground, place }: TransformKind): void => {
  for (const meta of ["lost", "damaged"] as const) {
    for (const indexes of [true, false]) {
      it.live(
        `brings back all but damaged files, and names these (meta ${meta}, ${indexes ? "with" : "without"} indexes)`,
        () =>
          Effect.gen(function* () {
            const { loseMeta, storage } = yield* ground
            const at = place()
            yield* withLib(storage, at, (lib) => fill(lib, "a", 10, 3))
            const [flip, cut, gone] = segmentNames([2, 5, 7]) as [string, string, string]
            yield* tamper(storage, at, (root) =>
              Effect.gen(function* () {
                if (!indexes)
                  for (const name of yield* root.segments.list("a")) yield* IndexFiles.remove(root.derived, "a", name)
                yield* rewrite(root, "a", flip, (bytes) => flipped(bytes, 61))
                yield* rewrite(root, "a", cut, (bytes) => bytes.subarray(0, 100))
                yield* root.segments.remove("a", gone)
                if (meta === "damaged") yield* rewriteMeta(root, "a", (bytes) => flipped(bytes, 10))
              })
            )
            if (meta === "lost") yield* loseMeta(at, "a")
            const survivors = numbered(0, 30).filter(({ n }) => ![1, 4, 6].includes(Math.floor((n as number) / 3)))
            yield* withLib(storage, at, (lib) =>
              Effect.gen(function* () {
                const report = yield* lib.recoverTape("a")
                assert.deepStrictEqual(report.segments, segmentNames([1, 3, 4, 6, 8, 9, 10]))
                assert.deepStrictEqual(
                  report.lost.map(({ segment }) => segment).toSorted(),
                  meta === "damaged" ? [flip, cut, gone] : [flip, cut]
                )
                const { offset } = report.lost.find(({ segment }) => segment === flip)!
                assert.isAtMost(offset, 61)
                assert.deepStrictEqual(yield* recordsOf(lib, "a"), survivors)
                const tape = yield* existingTape(lib, "a")
                yield* tape.append([{ after: 1 }])
                yield* tape.repack({ compression: "zstd", force: true })
                assert.deepStrictEqual(yield* all(tape), [...survivors, { after: 1 }])
                assert.isTrue((yield* lib.verify()).ok)
              })
            )
            // Nothing was deleted: somebody may still mend them.
            const files = [...(yield* filesOf(storage, at, "a")).keys()]
            for (const name of [flip, cut]) assert.include(files, name)
          })
      )
    }
  }
}

const againContract = ({ ground, place }: TransformKind): void => {
  it.live("can be done twice, and is as durable as anything else", () =>
    Effect.gen(function* () {
      const kind = yield* ground
      const { loseMeta, storage } = kind
      const places = Array.from({ length: 4 }, place) as [string, string, string, string]
      yield* withLib(storage, places[0], (lib) => fill(lib, "a", 4, 3))
      yield* tamper(storage, places[0], (root) => root.segments.remove("a", segmentNames([2])[0]!))
      yield* crashed(kind, places[0], places[1], (lib) =>
        Effect.flatMap(existingTape(lib, "a"), (tape) => tape.append(numbered(12, 15)))
      )
      const expected = numbered(0, 15).filter(({ n }) => (n as number) < 3 || (n as number) >= 6)
      for (const [index, from] of [places[1], places[2]].entries()) {
        yield* loseMeta(from, "a")
        yield* crashed(kind, from, places[index + 2]!, (lib) =>
          Effect.gen(function* () {
            yield* lib.recoverTape("a")
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), expected)
            const more = numbered(20 + index, 21 + index)
            yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.append(more))
            expected.push(...more)
          })
        )
      }
      for (const recovered of [true, false, false]) {
        yield* withLib(storage, places[3], (lib) =>
          Effect.gen(function* () {
            assert.strictEqual(lib.report.recovered, recovered)
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), expected)
            // What replaces what must still be said when the tape is listed anew.
            yield* lib.archive("a")
            yield* lib.activate("a")
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
      }
    })
  )

  for (const operation of ["segments.write", "meta.append", "meta.replace"] as const) {
    for (const when of ["before", "after"] as const) {
      it.live(`can be done again where ${operation} failed (${when} it was done)`, () =>
        Effect.gen(function* () {
          const kind = yield* ground
          const { loseMeta, storage } = kind
          const [at, copied] = [place(), place()]
          yield* crashed(kind, at, copied, (lib) =>
            Effect.gen(function* () {
              const tape = yield* fill(lib, "a", 3, 3)
              yield* tape.append(numbered(9, 12))
            })
          )
          yield* loseMeta(copied, "a")
          const disk = failing(storage)
          const session = yield* openSession(disk.storage, copied)
          disk.plan({ operation, nth: 1, when })
          assert.strictEqual(yield* tagOf(session.lib.recoverTape("a")), "WriterPoisoned")
          assert.isTrue(disk.hasFailed())
          yield* session.close
          yield* withLib(storage, copied, (lib) =>
            Effect.gen(function* () {
              if (operation !== "meta.replace" || when === "before") {
                assert.deepInclude(yield* lib.recoverTape("a"), { records: 12, lost: [], dropped: [], gaps: [] })
              }
              assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 12))
              yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.append(numbered(12, 13)))
            })
          )
          yield* withLib(storage, copied, (lib) =>
            Effect.gen(function* () {
              assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 13))
              assert.isTrue((yield* lib.verify()).ok)
            })
          )
        })
      )
    }
  }
}

const interruptionContract = ({ ground, place }: TransformKind): void => {
  for (const how of ["interrupted from within", "interrupted from outside", "ended by the close of its lib"] as const) {
    itQuietly(`${how}, has changed nothing, and can be done again; appends go on`, () =>
      Effect.gen(function* () {
        const kind = yield* ground
        const { loseMeta, storage } = kind
        const [at, copied] = [place(), place()]
        yield* crashed(kind, at, copied, (lib) =>
          Effect.gen(function* () {
            const tape = yield* fill(lib, "a", 3, 3)
            yield* tape.append(numbered(9, 12))
            yield* tapeOf(lib, "b")
          })
        )
        yield* loseMeta(copied, "a")
        for (const stop of [1, 3, 4]) {
          const session = yield* openSession(storage, copied)
          const stopped = yield* Deferred.make<void>()
          let calls = 0
          const onProgress = () =>
            Effect.suspend(() => {
              if ((calls += 1) !== stop) return Effect.void
              if (how === "interrupted from within") return Effect.interrupt
              return Effect.andThen(Deferred.succeed(stopped, undefined), Effect.never)
            })
          const fiber = yield* Effect.forkChild(session.lib.recoverTape("a", { onProgress }))
          if (how !== "interrupted from within") yield* Deferred.await(stopped)
          if (how === "interrupted from outside") yield* Fiber.interrupt(fiber)
          if (how === "ended by the close of its lib") yield* session.close
          assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
          if (how !== "ended by the close of its lib") {
            assert.strictEqual(yield* tagOf(existingTape(session.lib, "a")), "TapeInvalid")
            yield* Effect.flatMap(existingTape(session.lib, "b"), (tape) => tape.append([{ stop }]))
          }
          yield* session.close
        }
        yield* withLib(storage, copied, (lib) =>
          Effect.gen(function* () {
            assert.deepInclude(yield* lib.recoverTape("a"), { records: 12, lost: [], dropped: [], gaps: [] })
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 12))
            assert.lengthOf(yield* recordsOf(lib, "b"), how === "ended by the close of its lib" ? 0 : 3)
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
      })
    )
  }
}

const refusalsContract = ({ ground, place }: TransformKind): void => {
  it.live("is refused where there is nothing to recover, and to readers", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          yield* fill(lib, "a", 1, 1)
          assert.strictEqual(yield* tagOf(lib.recoverTape("a")), "NotDamaged")
          assert.strictEqual(yield* tagOf(lib.recoverTape("b")), "TapeNotFound")
        })
      )
      yield* withLib(
        storage,
        at,
        (lib) => Effect.map(tagOf(lib.recoverTape("a")), (tag) => assert.strictEqual(tag, "ReadOnly")),
        { mode: "read" }
      )
    })
  )

  it.live("does not choose between two files of one number: it names them", () =>
    Effect.gen(function* () {
      const { loseMeta, storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) =>
        Effect.flatMap(fill(lib, "a", 3, 3), (tape) => tape.repack({ compression: "gzip", targetBytes: 150 }))
      )
      const files = yield* filesOf(storage, at, "a")
      const [name, bytes] = [...files][1]!
      const twin = name.replace(".gz", "")
      yield* putFiles(storage, at, "a", [[twin, Buffer.from('{"other":1}\n')]])
      yield* loseMeta(at, "a")
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(lib.recoverTape("a"))
          assert(error._tag === "RecoverAmbiguous")
          assert.sameMembers([...error.files], [name, twin])
          assert.strictEqual(yield* tagOf(existingTape(lib, "a")), "TapeInvalid")
        })
      )
      assert.deepStrictEqual((yield* filesOf(storage, at, "a")).get(name), bytes)
      yield* tamper(storage, at, (root) => root.segments.remove("a", twin))
      yield* withLib(storage, at, (lib) =>
        Effect.andThen(
          lib.recoverTape("a"),
          Effect.map(recordsOf(lib, "a"), (records) => assert.deepStrictEqual(records, numbered(0, 9)))
        )
      )
    })
  )

  itQuietly("is what a tape needs over which an older meta was put back; no file is taken for garbage before", () =>
    Effect.gen(function* () {
      const kind = yield* ground
      const { storage } = kind
      const [at, copied] = [place(), place()]
      yield* withLib(storage, at, (lib) => fill(lib, "a", 2, 3))
      const older = yield* tamper(storage, at, (root) => Effect.map(root.meta.read("a"), (meta) => meta!.bytes))
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* existingTape(lib, "a")
          yield* tape.append(numbered(6, 9))
        })
      )
      yield* crashed(kind, at, copied, (lib) =>
        Effect.flatMap(existingTape(lib, "a"), (tape) => tape.append(numbered(9, 12)))
      )
      yield* tamper(storage, copied, (root) => rewriteMeta(root, "a", () => older))
      for (const attempt of ["look", "recover"] as const) {
        yield* withLib(storage, copied, (lib) =>
          Effect.gen(function* () {
            assert.strictEqual(yield* tagOf(existingTape(lib, "a")), "TapeInvalid")
            if (attempt === "look") return
            assert.deepInclude(yield* lib.recoverTape("a"), { records: 12, lost: [], gaps: [] })
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 12))
          })
        )
      }
    })
  )
}
