/** Verify lists every damage with its file and byte, and nothing intact. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { dynamicName } from "litetapes/Names"
import type { Root } from "litetapes/Storage"
import { internalsOf } from "../../../src/services/internals.ts"
import { flipped, withoutRoom } from "../../support/copyLib.ts"
import { existingTape, type LibService, tapeOf } from "../../support/openLib.ts"
import {
  all,
  damageOwn,
  fill,
  itQuietly,
  numbered,
  openSession,
  rewrite,
  rewriteMeta,
  tamper,
  type TransformKind,
  withLib
} from "../../support/transformGround.ts"
import * as IndexFiles from "../../../src/services/segment/IndexFiles.ts"

const depths = ["files", "records"] as const

export const verifyContract = (kind: TransformKind): void => {
  describe("verify", () => {
    segmentsContract(kind)
    metaContract(kind)
    dynamicContract(kind)
    indexContract(kind)
  })
}

const segmentsContract = ({ ground, place }: TransformKind): void => {
  for (const compression of ["none", "gzip", "zstd"] as const) {
    for (const dedup of [false, true]) {
      it.live(
        `lists every damaged segment with its file and offset (${compression}${dedup ? ", deduplicated" : ""})`,
        () =>
          Effect.gen(function* () {
            const { storage } = yield* ground
            const at = place()
            const segments = yield* withLib(storage, at, (lib) =>
              Effect.gen(function* () {
                const tape = yield* tapeOf(lib, "a")
                const twice = numbered(0, 5, 200).flatMap((record) => [record, record])
                for (let n = 0; n < 10; n++) {
                  yield* tape.append([...twice, { n }])
                  yield* tape.appendSegment
                }
                if (compression !== "none" || dedup) yield* tape.repack({ compression, dedup, targetBytes: 2000 })
                yield* fill(lib, "b", 2, 2)
                return yield* tape.segments
              })
            )
            assert.isAtLeast(segments.length, 9)
            const names = segments.map(({ name }) => name) as [string, ...Array<string>]
            const half = Math.floor(segments[0]!.bytes / 2)
            yield* tamper(storage, at, (root) =>
              Effect.gen(function* () {
                for (const index of [1, 3, 8])
                  yield* rewrite(root, "a", names[index]!, (bytes) => flipped(bytes, half, 2))
                yield* root.segments.remove("a", names[5]!)
                yield* rewrite(root, "a", names[6]!, (bytes) => bytes.subarray(0, 40))
              })
            )
            yield* withLib(storage, at, (lib) =>
              Effect.gen(function* () {
                const tape = yield* existingTape(lib, "a")
                for (const depth of depths) {
                  for (const report of [yield* tape.verify({ depth }), yield* lib.verify({ depth })]) {
                    assert.isFalse(report.ok)
                    assert.deepStrictEqual(
                      report.bad.map(({ file, error }) => [file, error]),
                      [1, 3, 5, 6, 8].map((index) => [
                        `a/${names[index]!}`,
                        index === 5 ? "SegmentMissing" : "SegmentCorrupt"
                      ]),
                      depth
                    )
                    for (const { offset, file } of report.bad) {
                      assert.isAtMost(offset, file.endsWith(names[6]!) ? 40 : half)
                      assert.isAtLeast(offset, 0)
                    }
                    assert.strictEqual(report.bad[3]!.offset, 40)
                    assert.deepStrictEqual(report.indexesRebuilt, [])
                  }
                }
                assert.isTrue((yield* (yield* existingTape(lib, "b")).verify()).ok)
              })
            )
          })
      )
    }
  }

  it.live("counts what it has checked", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      yield* withLib(storage, place(), (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib, "a", 3, 4)
          yield* fill(lib, "b", 2, 1)
          yield* tape.append([{ unclosed: 1 }])
          const bytes = (yield* tape.segments).reduce((sum, segment) => sum + segment.bytes, 0)
          const expected = {
            ok: true,
            bad: [],
            tapes: 1,
            segments: 3,
            records: 12,
            bytes,
            indexesRebuilt: [],
            lost: [],
            stuck: []
          }
          assert.deepStrictEqual(yield* tape.verify(), expected)
          assert.deepInclude(yield* lib.verify(), { tapes: 2, segments: 5, records: 14 })
        })
      )
    })
  )
}

const metaContract = ({ ground, place }: TransformKind): void => {
  it.live("names a damaged meta, of a tape that is open and of one that cannot be opened, and continues", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) => Effect.andThen(fill(lib, "a", 2, 2), fill(lib, "b", 2, 2)))
      yield* tamper(storage, at, (root) => rewriteMeta(root, "a", (bytes) => flipped(bytes, 300)))
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          yield* existingTape(lib, "b")
          const found = yield* lib.verify()
          assert.deepStrictEqual(
            found.bad.map(({ file, error }) => [file, error]),
            [["a/tape.meta.jsonl", "MetaCorrupt"]]
          )
          assert.strictEqual(found.segments, 2)
          yield* damageOwn(lib, "b")
          const both = (yield* lib.verify({ depth: "files" })).bad.map(({ file }) => file)
          assert.deepStrictEqual(both, ["a/tape.meta.jsonl", "b/tape.meta.jsonl"])
        })
      )
    })
  )

  itQuietly("names an older meta that was restored while its writer is open, and a lib meta that was cut off", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const session = yield* openSession(storage, place())
      const tape = yield* fill(session.lib, "a", 1, 2)
      const root = rootOf(session.lib)
      const older = (yield* root.meta.read("a"))!.bytes
      yield* tape.append(numbered(2, 4))
      yield* tape.appendSegment
      assert.isTrue((yield* session.lib.verify()).ok)
      yield* rewriteMeta(root, "a", () => older)
      assert.deepStrictEqual(
        (yield* tape.verify()).bad.map(({ file }) => file),
        ["a/tape.meta.jsonl"]
      )
      yield* rewriteMeta(root, undefined, (bytes) => bytes.subarray(0, -3))
      const bad = (yield* session.lib.verify({ depth: "files" })).bad.map(({ file }) => file)
      assert.deepStrictEqual(bad, ["litelib.meta.jsonl", "a/tape.meta.jsonl"])
      yield* session.close
    })
  )
}

const dynamicContract = ({ ground, place }: TransformKind): void => {
  for (const [what, part] of [
    ["in the middle", 0.5],
    ["at its end", 0.99]
  ] as const) {
    for (const depth of depths) {
      it.live(`names the dynamic segment of an open lib that is damaged ${what} (depth ${depth})`, () =>
        Effect.gen(function* () {
          const { storage } = yield* ground
          const at = place()
          const session = yield* openSession(storage, at)
          const tape = yield* tapeOf(session.lib, "a")
          for (let n = 0; n < 10; n++) yield* tape.append(numbered(n, n + 1))
          assert.isTrue((yield* session.lib.verify({ depth })).ok)
          const dynamic = yield* damageDynamic(rootOf(session.lib), part)
          const { bad } = yield* session.lib.verify({ depth })
          assert.isAbove(bad.length, 0)
          for (const { file, error } of bad) {
            assert.strictEqual(file, dynamic.name)
            assert.include(["DynamicCorrupt", "SegmentCorrupt"], error)
          }
          assert.isTrue(bad.some(({ offset }) => offset > 0 && offset <= dynamic.at))
          yield* session.close
        })
      )
    }
  }
}

const indexContract = ({ ground, place }: TransformKind): void => {
  it.live("rebuilds missing and damaged indexes, and reports them, but not as bad", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const at = place()
      const names = yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const tape = yield* fill(lib, "a", 4, 5)
          yield* tape.repack({ compression: "zstd", targetBytes: 250 })
          return (yield* tape.segments).map(({ name }) => name)
        })
      )
      const [gone, damaged, foreign] = names as [string, string, string]
      yield* tamper(storage, at, (root) =>
        Effect.gen(function* () {
          yield* IndexFiles.remove(root.derived, "a", gone)
          const index = yield* indexBytes(root, damaged)
          yield* IndexFiles.write(root.derived, "a", foreign, index)
          yield* IndexFiles.write(root.derived, "a", damaged, flipped(index, index.length - 5))
        })
      )
      const expected = [gone, damaged, foreign].map((name) => `a/${name}`)
      for (const rebuilt of [expected, []]) {
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            assert.deepStrictEqual((yield* lib.verify({ depth: "files" })).indexesRebuilt, [])
            const report = yield* lib.verify()
            assert.isTrue(report.ok)
            assert.deepStrictEqual(report.indexesRebuilt, rebuilt)
            assert.deepStrictEqual(yield* all(yield* existingTape(lib, "a")), numbered(0, 20))
          })
        )
      }
    })
  )
}

const rootOf = (lib: LibService): Root => internalsOf(lib).handle.root

const indexBytes = (root: Root, segment: string) =>
  Effect.gen(function* () {
    const size = yield* IndexFiles.size(root.derived, "a", segment)
    const [bytes] = yield* IndexFiles.readRanges(root.derived, "a", segment, [[0, size!]])
    return bytes!
  })

/** Flips a bit of the current dynamic segment. */
const damageDynamic = (root: Root, part: number) =>
  Effect.gen(function* () {
    const n = (yield* root.journal.list).at(-1)!
    const size = (yield* root.journal.size(n))!
    const bytes = withoutRoom(yield* root.journal.read(n, 0, size))
    const at = Math.floor(bytes.length * part)
    yield* Effect.flatMap(root.journal.create(n, flipped(bytes, at)), (writer) => writer.close)
    return { name: dynamicName(n), at }
  })
