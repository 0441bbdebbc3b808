/**
 * Tapes that lost their meta: the records in their files and in the dynamic segments are recovered, and nothing else.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { flipped } from "../../support/copyLib.ts"
import { checkRecovery, checkWhole, damagedLib, damageMeta, segmentFile } from "../../support/damagedLib.ts"
import { existingTape, recordsOf, tagOf, tapeOf } from "../../support/openLib.ts"
import {
  all,
  appendTo,
  damageOwn,
  filesOf,
  fill,
  numbered,
  openSession,
  rewrite,
  type TransformKind,
  withLib
} from "../../support/transformGround.ts"
import * as IndexFiles from "../../../src/services/segment/IndexFiles.ts"

export const recoverContract = (kind: TransformKind): void => {
  describe("recover", () => {
    metaContract(kind)
    dynamicContract(kind)
    damageContract(kind)
  })
}

const metaContract = (kind: TransformKind): void => {
  it.live("rebuilds a tape without meta under a new identity, and reports what it did", () =>
    Effect.gen(function* () {
      const { open, written: id } = yield* damagedLib(kind, {
        write: (lib) => Effect.map(fill(lib, "a", 3, 4), (tape) => tape.id),
        lose: ["a"]
      })
      yield* open((lib) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* tagOf(existingTape(lib, "a")), "TapeInvalid")
          const report = yield* lib.recoverTape("a")
          const tape = yield* existingTape(lib, "a")
          assert.deepStrictEqual(report, {
            name: "a",
            tape: tape.id,
            replaces: id,
            records: 12,
            segments: [1, 2, 3].map(segmentFile),
            fromDynamic: 0,
            lost: [],
            dropped: [],
            missing: [],
            gaps: [],
            losses: []
          })
          assert.notStrictEqual(tape.id, id)
          assert.deepStrictEqual((yield* tape.meta).origin, { kind: "recovered", tape: id })
          assert.deepStrictEqual(yield* all(tape), numbered(0, 12))
          assert.strictEqual((yield* tape.append(numbered(12, 13))).firstOrdinal, 12)
          assert.strictEqual(yield* tagOf(lib.recoverTape("a")), "NotDamaged")
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
      yield* open((lib) => checkWhole(lib, numbered(0, 13)))
    })
  )

  it.live("rebuilds a tape whose meta has any one damaged byte", () =>
    Effect.gen(function* () {
      const { change, copied } = yield* damagedLib(kind, {
        write: (lib) =>
          Effect.gen(function* () {
            const tape = yield* fill(lib, "a", 2, 2)
            yield* tape.setUserMeta("note", 1)
            yield* tape.repack({ targetBytes: 150, compression: "gzip" })
            yield* tape.append(numbered(4, 6))
          })
      })
      const size = yield* change((root) => Effect.map(root.meta.read("a"), (meta) => meta!.bytes.length))
      for (let byte = 0; byte < size; byte += kind.step) {
        const damaged = yield* copied
        yield* damaged.change((root) => damageMeta(root, "a", byte, byte % 7))
        yield* damaged.open((lib) =>
          checkRecovery(lib, { records: 6, lost: [], dropped: [], gaps: [] }, numbered(0, 6), `byte ${byte}`)
        )
      }
    })
  )

  it.live("works on a tape that is in use: its users continue with the recovered records, under the new identity", () =>
    Effect.gen(function* () {
      const { storage } = yield* kind.ground
      const at = kind.place()
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

const dynamicContract = (kind: TransformKind): void => {
  for (const [what, flushed] of [
    ["in no segment yet", 0],
    ["partly in segments", 3]
  ] as const) {
    for (const repeated of [false, true]) {
      it.live(
        `places committed records that are ${what} after the files${repeated ? ", even if all records are equal" : ""}`,
        () =>
          Effect.gen(function* () {
            const record = (n: number) => (repeated ? { same: true } : numbered(n, n + 1)[0]!)
            const { open } = yield* damagedLib(kind, {
              write: (lib) => Effect.flatMap(tapeOf(lib, "a"), (tape) => tape.append([record(0), record(1)])),
              crash: (lib) =>
                Effect.gen(function* () {
                  const tape = yield* existingTape(lib, "a")
                  for (let n = 2; n < 8; n++) {
                    yield* tape.append([record(n)])
                    if (n < 2 + flushed) yield* tape.appendSegment
                  }
                }),
              lose: ["a"]
            })
            const expected = Array.from({ length: 8 }, (_, n) => record(n))
            yield* open((lib) => checkRecovery(lib, { records: 8, fromDynamic: 6 - flushed, gaps: [] }, expected))
            yield* open((lib) => checkWhole(lib, expected))
          })
      )
    }
  }

  for (const meta of ["lost", "damaged"] as const) {
    for (const lost of [2, 4]) {
      it.live(
        `repeats nothing if segment ${lost} is missing too and the last records are in a dynamic segment (meta ${meta})`,
        () =>
          Effect.gen(function* () {
            const { open } = yield* damagedLib(kind, {
              write: (lib) => fill(lib, "a", 2, 3),
              crash: (lib) =>
                Effect.gen(function* () {
                  const tape = yield* existingTape(lib, "a")
                  for (let n = 6; n < 15; n += 3) {
                    yield* tape.append(numbered(n, n + 3))
                    if (n < 12) yield* tape.appendSegment
                  }
                }),
              damage: (root) =>
                Effect.andThen(
                  root.segments.remove("a", segmentFile(lost)),
                  meta === "damaged" ? damageMeta(root, "a", 5) : Effect.void
                ),
              lose: meta === "lost" ? ["a"] : []
            })
            // Segments 3 and 4 were flushed by the writer whose dynamic segments are still there.
            const gone = new Set(lost === 2 ? [3, 4, 5] : [])
            const expected = numbered(0, 15).filter(({ n }) => !gone.has(n as number))
            const report = yield* open((lib) => checkRecovery(lib, { records: expected.length }, expected))
            if (meta === "lost") return
            assert.deepStrictEqual(
              report.lost.map(({ segment }) => segment),
              [segmentFile(lost)]
            )
          })
      )
    }
  }
}

const damageContract = (kind: TransformKind): void => {
  for (const meta of ["lost", "damaged"] as const) {
    for (const indexes of [true, false]) {
      it.live(
        `recovers all but the damaged files, and names these (meta ${meta}, ${indexes ? "with" : "without"} indexes)`,
        () =>
          Effect.gen(function* () {
            const [flip, cut, gone] = [2, 5, 7].map(segmentFile) as [string, string, string]
            const { at, open, storage } = yield* damagedLib(kind, {
              write: (lib) => fill(lib, "a", 10, 3),
              damage: (root) =>
                Effect.gen(function* () {
                  if (!indexes)
                    for (const name of yield* root.segments.list("a")) yield* IndexFiles.remove(root.derived, "a", name)
                  yield* rewrite(root, "a", flip, (bytes) => flipped(bytes, 61))
                  yield* rewrite(root, "a", cut, (bytes) => bytes.subarray(0, 100))
                  yield* root.segments.remove("a", gone)
                  if (meta === "damaged") yield* damageMeta(root, "a", 10)
                }),
              lose: meta === "lost" ? ["a"] : []
            })
            const survivors = numbered(0, 30).filter(({ n }) => ![1, 4, 6].includes(Math.floor((n as number) / 3)))
            yield* open((lib) =>
              Effect.gen(function* () {
                const segments = [1, 3, 4, 6, 8, 9, 10].map(segmentFile)
                const { lost } = yield* checkRecovery(lib, { segments }, survivors)
                assert.deepStrictEqual(
                  lost.map(({ segment }) => segment).toSorted(),
                  meta === "damaged" ? [flip, cut, gone] : [flip, cut]
                )
                assert.isAtMost(lost.find(({ segment }) => segment === flip)!.offset, 61)
                yield* appendTo(lib, "a", [{ after: 1 }])
                const tape = yield* existingTape(lib, "a")
                yield* tape.repack({ compression: "zstd", force: true })
                yield* checkWhole(lib, [...survivors, { after: 1 }])
              })
            )
            // Nothing was deleted: somebody may still repair these files.
            const files = [...(yield* filesOf(storage, at, "a")).keys()]
            for (const name of [flip, cut]) assert.include(files, name)
          })
      )
    }
  }
}
