/** Recovery of tapes whose files are damaged too: what it says of them, and what others say of what they held. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventStore from "litetapes/EventStore"
import * as Stream from "effect/Stream"
import * as Lib from "litetapes/Lib"
import type { Root } from "litetapes/Storage"
import { internalsOf } from "../../../src/services/internals.ts"
import { flipped, segmentBytes } from "../../support/copyLib.ts"
import { existingTape, type LibService, recordsOf, tapeOf, withLib } from "../../support/openLib.ts"
import {
  crashed,
  fill,
  filesOf,
  numbered,
  putFiles,
  rewrite,
  rewriteMeta,
  tamper,
  type TransformKind
} from "../../support/transformGround.ts"
import * as IndexFiles from "../../../src/services/segment/IndexFiles.ts"

export const recoverDamageContract = (kind: TransformKind): void => {
  describe("recover of a tape with damaged files", () => {
    reportContract(kind)
    holeContract(kind)
    alikeContract(kind)
    repackContract(kind)
  })
}

const name = (number: number) => `seg-${String(number).padStart(6, "0")}.jsonl`

const reportContract = ({ ground, place }: TransformKind): void => {
  it.live("says which numbers no file has, and how many records are lost where, by the ordinals of later ones", () =>
    Effect.gen(function* () {
      const kind = yield* ground
      const [at, copied] = [place(), place()]
      yield* withLib(kind.storage, at, (lib) => fill(lib, "a", 5, 3))
      yield* crashed(kind, at, copied, (lib) =>
        Effect.flatMap(existingTape(lib, "a"), (tape) => tape.append(numbered(15, 18)))
      )
      yield* tamper(kind.storage, copied, (root) => root.segments.remove("a", name(2)))
      yield* kind.loseMeta(copied, "a")
      yield* withLib(kind.storage, copied, (lib) =>
        Effect.gen(function* () {
          const report = yield* lib.recoverTape("a")
          assert.deepInclude(report, {
            records: 15,
            fromDynamic: 3,
            lost: [],
            missing: [{ from: 2, to: 2, certain: true }],
            gaps: [{ from: 3, to: 15, records: 3 }]
          })
        })
      )
    })
  )

  it.live("says exactly where records are lost, if a line of the damaged meta still says it", () =>
    Effect.gen(function* () {
      const kind = yield* ground
      const at = place()
      yield* withLib(kind.storage, at, (lib) => fill(lib, "a", 5, 3))
      yield* tamper(kind.storage, at, (root) =>
        Effect.gen(function* () {
          yield* rewrite(root, "a", name(2), (bytes) => flipped(bytes, 8))
          yield* root.segments.remove("a", name(4))
          yield* rewriteMeta(root, "a", (bytes) => flipped(bytes, 9))
        })
      )
      yield* withLib(kind.storage, at, (lib) =>
        Effect.gen(function* () {
          const report = yield* lib.recoverTape("a")
          assert.deepStrictEqual(
            report.lost.map(({ isBack, records, segment }) => [segment, records, isBack]),
            [
              [name(2), 3, false],
              [name(4), 3, false]
            ]
          )
          assert.deepStrictEqual(report.missing, [])
          assert.deepStrictEqual(report.gaps, [
            { from: 3, to: 6, records: 3 },
            { from: 9, to: 12, records: 3 }
          ])
        })
      )
    })
  )

  it.live("says nothing is lost that a repack had removed, where a meta from before it was put back", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) => fill(lib, "a", 3, 3))
      const older = yield* tamper(storage, at, (root) => Effect.map(root.meta.read("a"), (meta) => meta!.bytes))
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* existingTape(lib, "a")
          yield* tape.repack({ targetBytes: 200 })
          yield* tape.append(numbered(9, 12))
        })
      )
      // Damaged: else it would be taken for the tape's meta, and its segments for missing.
      yield* tamper(storage, at, (root) => rewriteMeta(root, "a", () => flipped(older, 9)))
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          assert.deepInclude(yield* lib.recoverTape("a"), { records: 12, lost: [], dropped: [], gaps: [] })
          assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 12))
        })
      )
    })
  )
}

const holeContract = ({ ground, place }: TransformKind): void => {
  for (const how of ["damaged", "changed", "missing"] as const) {
    it.live(`fills it from dynamic segments where a file between others is ${how}`, () =>
      Effect.gen(function* () {
        const kind = yield* ground
        const { loseMeta, storage } = kind
        const [at, copied] = [place(), place()]
        yield* withLib(storage, at, (lib) => fill(lib, "a", 2, 3))
        yield* crashed(kind, at, copied, (lib) =>
          Effect.gen(function* () {
            const tape = yield* existingTape(lib, "a")
            for (let n = 6; n < 18; n += 3) {
              yield* tape.append(numbered(n, n + 3))
              if (n < 15) yield* tape.appendSegment
            }
          })
        )
        yield* tamper(storage, copied, (root) =>
          how === "missing"
            ? root.segments.remove("a", name(4))
            : // Record 9 becomes record 8, and nothing but the dynamic segment knows better.
              rewrite(root, "a", name(4), (bytes) => (how === "changed" ? flipped(bytes, 5) : bytes.subarray(0, 70)))
        )
        yield* loseMeta(copied, "a")
        yield* withLib(storage, copied, (lib) =>
          Effect.gen(function* () {
            const report = yield* lib.recoverTape("a")
            assert.deepInclude(report, { records: 18, missing: [], gaps: [], dropped: [name(5)] })
            assert.deepStrictEqual(
              report.lost.map(({ isBack, segment }) => [segment, isBack]),
              how === "missing" ? [] : [[name(4), true]]
            )
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 18))
            yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.append(numbered(18, 20)))
          })
        )
        if (how === "changed") return
        yield* loseMeta(copied, "a")
        yield* withLib(storage, copied, (lib) =>
          Effect.gen(function* () {
            // Now the file is known to be needless, too.
            const dropped = how === "missing" ? [name(5)] : [name(4), name(5)]
            assert.deepInclude(yield* lib.recoverTape("a"), { records: 20, lost: [], dropped })
            assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 20))
            assert.isTrue((yield* lib.verify()).ok)
          })
        )
      })
    )
  }
}

const letters = (text: string) => [...text].map((letter) => ({ letter }))
const textOf = (records: ReadonlyArray<{ readonly [key: string]: unknown }>) =>
  records.map(({ letter }) => letter as string).join("")

const indexBytes = (root: Root, file: string) =>
  Effect.gen(function* () {
    const size = yield* IndexFiles.size(root.derived, "a", file)
    return size === undefined ? undefined : (yield* IndexFiles.readRanges(root.derived, "a", file, [[0, size]]))[0]
  })

interface Alike {
  readonly title: string
  /** Batches that are flushed and closed, each to a file, and then those that a crash leaves in a dynamic segment. */
  readonly flushed: ReadonlyArray<string>
  readonly committed: ReadonlyArray<string>
  readonly repack?: boolean
  /** A file that is gone; what a recovery finds then that is not refused. */
  readonly lose?: number
  readonly expected?: string
}

const alike: ReadonlyArray<Alike> = [
  { title: "four of five alike", flushed: ["ABCDE"], committed: ["ABzDE"] },
  { title: "three of five alike", flushed: ["ABCDE"], committed: ["AyzDE"] },
  { title: "more before and behind", flushed: ["ABCDE"], committed: ["QRS", "ABzDE", "TUV"] },
  { title: "more in the file too", flushed: ["KLABCDEMN"], committed: ["QRS", "ABzDE", "TUV"] },
  { title: "two files", flushed: ["ABCDE", "ABzDE"], committed: ["ABCDw", "TUV"] },
  { title: "after a repack", flushed: ["ABC", "DE"], committed: ["ABzDE", "TUV"], repack: true },
  { title: "the second file lost", flushed: ["ABCDE", "FGH"], committed: ["ABzDE"], lose: 2, expected: "ABCDEABzDE" },
  { title: "the first file lost", flushed: ["FGH", "ABCDE"], committed: ["ABzDE"], lose: 1, expected: "ABCDEABzDE" }
]

const alikeContract = ({ ground, place }: TransformKind): void => {
  for (const { title, flushed, committed, repack, lose, expected } of alike) {
    for (const indexes of [true, false]) {
      it.live(`leaves no good file out for committed records nearly like its own: ${title}, indexes: ${indexes}`, () =>
        Effect.gen(function* () {
          const kind = yield* ground
          const [at, copied] = [place(), place()]
          yield* withLib(kind.storage, at, (lib) =>
            Effect.gen(function* () {
              const tape = yield* tapeOf(lib, "a")
              for (const text of flushed) {
                yield* tape.append(letters(text))
                yield* tape.appendSegment
              }
              // An index is made where a segment is first read by ordinal.
              for (const { firstOrdinal } of yield* tape.segments) {
                yield* Stream.runDrain(tape.records({ from: firstOrdinal + 1 }))
              }
              if (repack === true) yield* tape.repack({ compression: "zstd" })
            })
          )
          yield* crashed(kind, at, copied, (lib) =>
            Effect.flatMap(existingTape(lib, "a"), (tape) =>
              Effect.forEach(committed, (text) => tape.append(letters(text)))
            )
          )
          const made = yield* tamper(kind.storage, at, (root) =>
            Effect.flatMap(root.segments.list("a"), (files) =>
              Effect.forEach(files, (file) => Effect.map(indexBytes(root, file), (bytes) => [file, bytes] as const))
            )
          )
          yield* tamper(kind.storage, copied, (root) =>
            Effect.gen(function* () {
              // Not every ground copies them.
              for (const [file, bytes] of made) {
                if (!indexes) yield* IndexFiles.remove(root.derived, "a", file)
                else if (bytes !== undefined) yield* IndexFiles.write(root.derived, "a", file, bytes)
              }
              if (lose !== undefined) yield* root.segments.remove("a", name(lose))
            })
          )
          yield* kind.loseMeta(copied, "a")
          yield* withLib(kind.storage, copied, (lib) =>
            Effect.gen(function* () {
              const result = yield* Effect.result(lib.recoverTape("a"))
              if (result._tag === "Failure") {
                assert.strictEqual(result.failure._tag, "RecoverAmbiguous")
                // Only a file that nothing vouches for, at a place that nothing tells, may be a changed one.
                assert.isTrue(!indexes && lose === 1)
                return
              }
              assert.deepStrictEqual(result.success.lost, [])
              const records = textOf(yield* recordsOf(lib, "a"))
              assert.strictEqual(records, expected ?? [...flushed, ...committed].join(""))
              assert.isTrue((yield* lib.verify()).ok)
            })
          )
        })
      )
    }
  }
}

/** A tape that was repacked, with two of the files from before beside it that nothing near in number tells from others. */
const leftBehind = (make: (lib: LibService) => Effect.Effect<unknown, unknown>, { ground, place }: TransformKind) =>
  Effect.gen(function* () {
    const kind = yield* ground
    const at = place()
    yield* withLib(kind.storage, at, make)
    const before = [...(yield* filesOf(kind.storage, at, "a"))]
    yield* withLib(kind.storage, at, (lib) =>
      Effect.flatMap(existingTape(lib, "a"), (tape) => tape.repack({ targetBytes: 300, force: true }))
    )
    yield* putFiles(kind.storage, at, "a", before.slice(1, 3))
    return { kind, at, left: before.slice(1, 3).map(([file]) => file) }
  })

/** The files of the tape as they are while its writer has it open. */
const ownFiles = (lib: LibService) => {
  const { root } = internalsOf(lib).handle
  return Effect.flatMap(root.segments.list("a"), (names) =>
    Effect.forEach(names, (file) => Effect.map(segmentBytes(root, "a", file), (bytes) => [file, bytes] as const))
  )
}

const repackContract = (transform: TransformKind): void => {
  const { ground, place } = transform
  const records = (lib: LibService) => fill(lib, "a", 5, 3)

  it.live("goes by the word of a damaged meta where it says which files a repack has removed", () =>
    Effect.gen(function* () {
      const { kind, at, left } = yield* leftBehind(records, transform)
      yield* tamper(kind.storage, at, (root) => rewriteMeta(root, "a", (bytes) => flipped(bytes, 9)))
      yield* withLib(kind.storage, at, (lib) =>
        Effect.gen(function* () {
          assert.deepInclude(yield* lib.recoverTape("a"), { records: 15, lost: [], dropped: left })
          assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 15))
        })
      )
    })
  )

  it.live("is refused where nothing does: the records may have been appended twice", () =>
    Effect.gen(function* () {
      const { kind, at, left } = yield* leftBehind(records, transform)
      yield* kind.loseMeta(at, "a")
      yield* withLib(kind.storage, at, (lib) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(lib.recoverTape("a"))
          assert(error._tag === "RecoverAmbiguous")
          assert.includeMembers([...error.files], left)
        })
      )
      yield* tamper(kind.storage, at, (root) => Effect.forEach(left, (file) => root.segments.remove("a", file)))
      yield* withLib(kind.storage, at, (lib) =>
        Effect.andThen(
          lib.recoverTape("a"),
          Effect.map(recordsOf(lib, "a"), (found) => assert.deepStrictEqual(found, numbered(0, 15)))
        )
      )
    })
  )

  it.live("is not refused for events, which are never there twice", () =>
    Effect.gen(function* () {
      const make = (lib: LibService) =>
        Effect.gen(function* () {
          const events = yield* Effect.provideService(EventStore.make, Lib.Lib, lib)
          for (let n = 0; n < 5; n++) {
            yield* events.append("a-1", [{ type: "Counted", data: n }])
            yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.appendSegment)
          }
        })
      const { kind, at, left } = yield* leftBehind(make, transform)
      yield* kind.loseMeta(at, "a")
      yield* withLib(kind.storage, at, (lib) =>
        Effect.gen(function* () {
          assert.deepInclude(yield* lib.recoverTape("a"), { records: 5, lost: [], dropped: left })
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    })
  )

  it.live("knows what a second repack had left that was interrupted right after a first one", () =>
    Effect.gen(function* () {
      const { loseMeta, storage } = yield* ground
      const at = place()
      let before: ReadonlyArray<readonly [string, Uint8Array]> = []
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* records(lib)
          yield* tape.repack({ targetBytes: 200 })
          before = yield* ownFiles(lib)
          yield* tape.repack({ compression: "gzip" })
        })
      )
      yield* putFiles(storage, at, "a", before)
      yield* loseMeta(at, "a")
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          assert.deepInclude(yield* lib.recoverTape("a"), { records: 15, lost: [] })
          assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 15))
        })
      )
    })
  )
}
