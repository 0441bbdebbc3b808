/** Recovery if an interrupted repack left both old and new segments in one folder. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import type * as Tape from "litetapes/Tape"
import { existingTape, type LibService, recordsOf, tapeOf } from "../../support/openLib.ts"
import {
  filesOf,
  fill,
  type Ground,
  numbered,
  putFiles,
  tamper,
  type TransformKind,
  withLib
} from "../../support/transformGround.ts"
import * as IndexFiles from "../../../src/services/segment/IndexFiles.ts"

const shapes: ReadonlyArray<Tape.RepackOptions> = [
  { targetBytes: 1 },
  { targetBytes: 200 },
  { targetBytes: 1_000_000, compression: "zstd" },
  { targetBytes: 300, compression: "gzip", shardEvery: 3 }
]

interface Case {
  readonly what: string
  /** The range of the files from before the repack, and of those that it wrote, that are there. */
  readonly before: (count: number) => readonly [from: number, to: number]
  readonly made: (count: number) => readonly [from: number, to: number]
}

/** What a repack may leave if it stops at any step. */
const cases: ReadonlyArray<Case> = [
  { what: "all of both", before: (n) => [0, n], made: (n) => [0, n] },
  { what: "the first output", before: (n) => [0, n], made: () => [0, 1] },
  { what: "half of the outputs", before: (n) => [0, n], made: (n) => [0, Math.ceil(n / 2)] },
  { what: "the outputs and all segments but the first", before: (n) => [1, n], made: (n) => [0, n] },
  { what: "the outputs and the last segment", before: (n) => [n - 1, n], made: (n) => [0, n] }
]

type Files = ReadonlyArray<readonly [name: string, bytes: Uint8Array]>

/**
 * Writes and closes a lib at `at` with tape `a`, and returns the tape's files before the repack and those that the
 * repack wrote.
 */
const prepare = (
  { storage }: Ground,
  at: string,
  make: (lib: LibService) => Effect.Effect<unknown, unknown>,
  options: Tape.RepackOptions,
  more: ((lib: LibService) => Effect.Effect<unknown, unknown>) | undefined
) =>
  Effect.gen(function* () {
    yield* withLib(storage, at, make)
    const before: Files = [...(yield* filesOf(storage, at, "a"))]
    let made: Files = []
    yield* withLib(storage, at, (lib) =>
      Effect.gen(function* () {
        const tape = yield* existingTape(lib, "a")
        yield* tape.repack({ ...options, force: true })
        made = [...(yield* filesOf(storage, at, "a"))]
        if (more !== undefined) yield* more(lib)
      })
    )
    return { before, made }
  })

const appended = (from: number, to: number) => (lib: LibService) =>
  Effect.flatMap(tapeOf(lib, "a"), (tape) => Effect.andThen(tape.append(numbered(from, to)), tape.appendSegment))

export const leftoversContract = ({ ground, place }: TransformKind): void => {
  describe("recover after an interrupted repack", () => {
    for (const { what, before: beforeRange, made: madeRange } of cases) {
      for (const indexes of [true, false]) {
        it.live(`returns the stream once if the repack left ${what} (${indexes ? "with" : "without"} indexes)`, () =>
          Effect.gen(function* () {
            const kind = yield* ground
            const { loseMeta, storage } = kind
            for (const options of shapes) {
              // Segments that were flushed during the repack follow its outputs, whether these count or not.
              for (const more of [undefined, appended(20, 24)]) {
                const at = place()
                const { before, made } = yield* prepare(kind, at, (lib) => fill(lib, "a", 5, 4), options, more)
                const keep = new Set(made.slice(...madeRange(made.length)).map(([name]) => name))
                yield* tamper(storage, at, (root) =>
                  Effect.forEach(made, ([name]) => (keep.has(name) ? Effect.void : root.segments.remove("a", name)))
                )
                yield* putFiles(storage, at, "a", before.slice(...beforeRange(before.length)))
                if (!indexes) {
                  yield* tamper(storage, at, (root) =>
                    Effect.flatMap(root.segments.list("a"), (names) =>
                      Effect.forEach(names, (name) => IndexFiles.remove(root.derived, "a", name))
                    )
                  )
                }
                yield* loseMeta(at, "a")
                const expected = numbered(0, more === undefined ? 20 : 24)
                const files = (yield* filesOf(storage, at, "a")).size
                yield* withLib(storage, at, (lib) =>
                  Effect.gen(function* () {
                    const report = yield* lib.recoverTape("a")
                    assert.deepStrictEqual(yield* recordsOf(lib, "a"), expected, JSON.stringify(options))
                    assert.deepInclude(report, { records: expected.length, lost: [], gaps: [] })
                    assert.isAbove(report.dropped.length, 0)
                    assert.strictEqual(report.dropped.length + report.segments.length, files)
                  })
                )
                // Nothing was deleted, and dropped files are not recovered again.
                assert.strictEqual((yield* filesOf(storage, at, "a")).size, files)
                yield* withLib(storage, at, appended(expected.length, 30))
                yield* loseMeta(at, "a")
                yield* withLib(storage, at, (lib) =>
                  Effect.gen(function* () {
                    yield* lib.recoverTape("a")
                    assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 30))
                    assert.isTrue((yield* lib.verify()).ok)
                  })
                )
              }
            }
          })
        )
      }
    }

    it.live("returns events once if the repack left all files, and the store continues", () =>
      Effect.gen(function* () {
        const kind = yield* ground
        const { loseMeta, storage } = kind
        const at = place()
        const store = (lib: LibService) => Effect.provideService(EventStore.make, Lib.Lib, lib)
        const make = (lib: LibService) =>
          Effect.gen(function* () {
            const events = yield* store(lib)
            for (let n = 0; n < 4; n++) {
              yield* events.append("a-1", [{ type: "Counted", data: n }])
              yield* events.append("a-2", [{ type: "Counted", data: n }])
              yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.appendSegment)
            }
          })
        const { before } = yield* prepare(kind, at, make, { compression: "zstd" }, undefined)
        yield* putFiles(storage, at, "a", before)
        yield* loseMeta(at, "a")
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            assert.deepInclude(yield* lib.recoverTape("a"), { records: 8, lost: [] })
            const events = yield* store(lib)
            const { lastRevision, lastPosition } = yield* events.append("a-1", [{ type: "Counted", data: 4 }], {
              expected: 3
            })
            assert.deepStrictEqual([lastRevision, lastPosition], [4, 8])
            const one = (yield* Stream.runCollect(events.read("a-1"))).map(({ data }) => data)
            assert.deepStrictEqual(one, [0, 1, 2, 3, 4])
            const positions = (yield* Stream.runCollect(events.readAll())).map(({ position }) => position)
            assert.deepStrictEqual(positions, [0, 1, 2, 3, 4, 5, 6, 7, 8])
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
      })
    )

    it.live(
      "is refused if old segments were restored next to those of a later repack, because either of them may count",
      () =>
        Effect.gen(function* () {
          const kind = yield* ground
          const { loseMeta, storage } = kind
          const at = place()
          const again = (lib: LibService) =>
            Effect.flatMap(existingTape(lib, "a"), (tape) => tape.repack({ compression: "gzip", force: true }))
          const { before } = yield* prepare(kind, at, (lib) => fill(lib, "a", 3, 4), { targetBytes: 1000 }, again)
          yield* putFiles(storage, at, "a", before)
          yield* loseMeta(at, "a")
          yield* withLib(storage, at, (lib) =>
            Effect.gen(function* () {
              const error = yield* Effect.flip(lib.recoverTape("a"))
              assert(error._tag === "RecoverAmbiguous")
              assert.include(error.files, before[0]![0])
            })
          )
        })
    )

    it.live("returns records twice that were appended twice", () =>
      Effect.gen(function* () {
        const { loseMeta, storage } = yield* ground
        const at = place()
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "a")
            for (const batch of [numbered(0, 4), numbered(0, 2), numbered(0, 4), numbered(0, 4)]) {
              yield* tape.append(batch)
              yield* tape.appendSegment
            }
          })
        )
        yield* loseMeta(at, "a")
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            assert.deepInclude(yield* lib.recoverTape("a"), { records: 14, dropped: [] })
            const expected = [...numbered(0, 4), ...numbered(0, 2), ...numbered(0, 4), ...numbered(0, 4)]
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), expected)
          })
        )
      })
    )
  })
}
