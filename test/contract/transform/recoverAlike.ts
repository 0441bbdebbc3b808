/**
 * Recovery of tapes with files that nearly equal each other, or nearly equal committed records: which of them count.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Root } from "litetapes/Storage"
import { internalsOf } from "../../../src/services/internals.ts"
import { segmentBytes } from "../../support/copyLib.ts"
import { checkRecovery, damagedLib, damageMeta, segmentFile } from "../../support/damagedLib.ts"
import { existingTape, flush, type LibService, recordsOf, storeOf, tapeOf } from "../../support/openLib.ts"
import {
  crashed,
  filesOf,
  fill,
  numbered,
  putFiles,
  tamper,
  type TransformKind,
  withLib
} from "../../support/transformGround.ts"
import * as IndexFiles from "../../../src/services/segment/IndexFiles.ts"

export const recoverAlikeContract = (kind: TransformKind): void => {
  describe("recover of a tape with damaged files", () => {
    alikeContract(kind)
    repackContract(kind)
  })
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
  /** Batches that are each flushed to a file, and then batches that a crash leaves in a dynamic segment. */
  readonly flushed: ReadonlyArray<string>
  readonly committed: ReadonlyArray<string>
  readonly repack?: boolean
  /** The number of the lost file, and the contents after a recovery that is not refused. */
  readonly lose?: number
  readonly expected?: string
}

const alike: ReadonlyArray<Alike> = [
  { title: "four of five alike", flushed: ["ABCDE"], committed: ["ABzDE"] },
  { title: "three of five alike", flushed: ["ABCDE"], committed: ["AyzDE"] },
  { title: "more before and after", flushed: ["ABCDE"], committed: ["QRS", "ABzDE", "TUV"] },
  { title: "more in the file too", flushed: ["KLABCDEMN"], committed: ["QRS", "ABzDE", "TUV"] },
  { title: "two files", flushed: ["ABCDE", "ABzDE"], committed: ["ABCDw", "TUV"] },
  { title: "after a repack", flushed: ["ABC", "DE"], committed: ["ABzDE", "TUV"], repack: true },
  { title: "the second file lost", flushed: ["ABCDE", "FGH"], committed: ["ABzDE"], lose: 2, expected: "ABCDEABzDE" },
  { title: "the first file lost", flushed: ["FGH", "ABCDE"], committed: ["ABzDE"], lose: 1, expected: "ABCDEABzDE" }
]

/** Writes each of the flushed texts to a file that has an index. */
const writeAlike = ({ flushed, repack }: Alike) =>
  Effect.fnUntraced(function* (lib: LibService) {
    const tape = yield* tapeOf(lib, "a")
    for (const text of flushed) {
      yield* tape.append(letters(text))
      yield* tape.appendSegment
    }
    // An index is written when its segment is first read by ordinal.
    for (const { firstOrdinal } of yield* tape.segments) {
      yield* Stream.runDrain(tape.records({ from: firstOrdinal + 1 }))
    }
    if (repack === true) yield* tape.repack({ compression: "zstd" })
  })

const alikeContract = (kind: TransformKind): void => {
  for (const one of alike) {
    for (const indexes of [true, false]) {
      const title = `${one.title}, indexes: ${indexes}`
      it.live(`drops no intact file because committed records are nearly the same: ${title}`, () =>
        Effect.gen(function* () {
          const { flushed, committed, lose, expected } = one
          const closed = yield* damagedLib(kind, { write: writeAlike(one) })
          const { storage } = closed
          const at = kind.place()
          yield* crashed(closed, closed.at, at, (lib) =>
            Effect.flatMap(existingTape(lib, "a"), (tape) =>
              Effect.forEach(committed, (text) => tape.append(letters(text)))
            )
          )
          const made = yield* closed.change((root) =>
            Effect.flatMap(root.segments.list("a"), (files) =>
              Effect.forEach(files, (file) => Effect.map(indexBytes(root, file), (bytes) => [file, bytes] as const))
            )
          )
          yield* tamper(storage, at, (root) =>
            Effect.gen(function* () {
              // Not every ground copies indexes.
              for (const [file, bytes] of made) {
                if (!indexes) yield* IndexFiles.remove(root.derived, "a", file)
                else if (bytes !== undefined) yield* IndexFiles.write(root.derived, "a", file, bytes)
              }
              if (lose !== undefined) yield* root.segments.remove("a", segmentFile(lose))
            })
          )
          yield* closed.loseMeta(at, "a")
          yield* withLib(storage, at, (lib) =>
            Effect.gen(function* () {
              const result = yield* Effect.result(lib.recoverTape("a"))
              if (result._tag === "Failure") {
                assert.strictEqual(result.failure._tag, "RecoverAmbiguous")
                // Only a file that nothing confirms, in a place that nothing confirms, may be a changed one.
                assert.isTrue(!indexes && lose === 1)
                return
              }
              assert.deepStrictEqual(result.success.lost, [])
              const records = textOf(yield* recordsOf(lib, "a", { allowGaps: true }))
              assert.strictEqual(records, expected ?? [...flushed, ...committed].join(""))
              assert.isTrue((yield* lib.verify()).ok)
            })
          )
        })
      )
    }
  }
}

/** Repacks a tape, and restores two of its old files. No neighbouring number shows that they are old. */
const leftBehind = (kind: TransformKind, write: (lib: LibService) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    const found = yield* damagedLib(kind, { write })
    const { at, open, storage } = found
    const before = [...(yield* filesOf(storage, at, "a"))].slice(1, 3)
    yield* open((lib) =>
      Effect.flatMap(existingTape(lib, "a"), (tape) => tape.repack({ targetBytes: 300, force: true }))
    )
    yield* putFiles(storage, at, "a", before)
    return { ...found, left: before.map(([file]) => file) }
  })

/** Returns the files of the tape while its writer has it open. */
const ownFiles = (lib: LibService) => {
  const { root } = internalsOf(lib).handle
  return Effect.flatMap(root.segments.list("a"), (names) =>
    Effect.forEach(names, (file) => Effect.map(segmentBytes(root, "a", file), (bytes) => [file, bytes] as const))
  )
}

const repackContract = (kind: TransformKind): void => {
  const records = (lib: LibService) => fill(lib, "a", 5, 3)

  it.live("drops old files if a line of the damaged meta says that a repack removed them", () =>
    Effect.gen(function* () {
      const { change, left, open } = yield* leftBehind(kind, records)
      yield* change((root) => damageMeta(root, "a", 9))
      yield* open((lib) => checkRecovery(lib, { records: 15, lost: [], dropped: left }, numbered(0, 15)))
    })
  )

  it.live("is refused if the records of old files may have been appended twice", () =>
    Effect.gen(function* () {
      const { at, change, left, loseMeta, open } = yield* leftBehind(kind, records)
      yield* loseMeta(at, "a")
      const error = yield* open((lib) => Effect.flip(lib.recoverTape("a")))
      assert(error._tag === "RecoverAmbiguous")
      assert.includeMembers([...error.files], left)
      yield* change((root) => Effect.forEach(left, (file) => root.segments.remove("a", file)))
      yield* open((lib) => checkRecovery(lib, {}, numbered(0, 15)))
    })
  )

  it.live("is not refused for events, since no event is appended twice", () =>
    Effect.gen(function* () {
      const { at, left, loseMeta, open } = yield* leftBehind(kind, (lib) =>
        Effect.gen(function* () {
          const events = yield* storeOf(lib)
          for (let n = 0; n < 5; n++) {
            yield* events.append("a-1", [{ type: "Counted", data: n }])
            yield* flush(lib, "a")
          }
        })
      )
      yield* loseMeta(at, "a")
      yield* open((lib) =>
        Effect.gen(function* () {
          assert.deepInclude(yield* lib.recoverTape("a"), { records: 5, lost: [], dropped: left })
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    })
  )

  it.live("recognises the leftovers of a second repack that was interrupted right after a first one", () =>
    Effect.gen(function* () {
      const { at, loseMeta, open, storage, written } = yield* damagedLib(kind, {
        write: (lib) =>
          Effect.gen(function* () {
            const tape = yield* records(lib)
            yield* tape.repack({ targetBytes: 200 })
            const before = yield* ownFiles(lib)
            yield* tape.repack({ compression: "gzip" })
            return before
          })
      })
      yield* putFiles(storage, at, "a", written)
      yield* loseMeta(at, "a")
      yield* open((lib) => checkRecovery(lib, { records: 15, lost: [] }, numbered(0, 15)))
    })
  )
}
