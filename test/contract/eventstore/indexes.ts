/** Indexes are derived: if they are missing, damaged or full of equal hashes, reads return the same. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Root } from "litetapes/Storage"
import { hash53, hashId } from "../../../src/domain/base/Hash53.ts"
import { SegmentIndexBuilder } from "../../../src/domain/segment/SegmentIndex.ts"
import { all, type Contract, dataOf, failing, flush, numbered, numbers, type Store, tapeOf } from "./support.ts"
import * as IndexFiles from "../../../src/services/segment/IndexFiles.ts"

const named = (stream: string, n: number) => ({
  type: "Named",
  id: `${stream}/${n}`,
  data: `${stream}/${n}`,
  tags: [`of:${stream}`]
})

const streams = ["order-a", "order-b", "order-c"]

/** Appends three streams of three events each, which become one segment. */
const setUp = Effect.fnUntraced(function* (store: Store) {
  for (const n of numbers(3)) for (const stream of streams) yield* store.append(stream, [named(stream, n)])
})

const segmentName = "seg-000001.jsonl"

const assertRight = Effect.fnUntraced(function* (store: Store, fillers = 0) {
  for (const stream of streams) {
    const data = numbers(3).map((n) => `${stream}/${n}`)
    assert.deepStrictEqual(yield* dataOf(store.read(stream)), data)
    assert.deepStrictEqual(yield* dataOf(store.read(stream, { direction: "backward" })), data.toReversed())
    assert.strictEqual(yield* store.revision(stream), 2)
  }
  const { events } = yield* store.query(streams.map((stream) => ({ tags: [`of:${stream}`] })))
  assert.deepStrictEqual(
    events.map(({ position }) => position),
    numbers(9)
  )
  assert.deepStrictEqual(
    (yield* all(store.readAll())).map(({ position }) => position),
    numbers(9 + fillers)
  )
})

/** Returns the segment's lines, each with its entry for the index. */
const linesOf = Effect.fnUntraced(function* (root: Root) {
  const size = yield* root.segments.size("order", segmentName)
  const bytes = yield* root.segments.read("order", segmentName, 0, size!)
  const texts = Buffer.from(bytes).toString("utf8").split("\n").slice(0, -1)
  return texts.map((text) => {
    const { stream, revision, position, id } = JSON.parse(text) as {
      readonly stream: string
      readonly revision: number
      readonly position: number
      readonly id: string
    }
    return { bytes: Buffer.from(text), stream, revision, position, id }
  })
})

export const indexContract: Contract = (test) => {
  test("rebuilds a missing index", ({ use, files, probe }) =>
    Effect.gen(function* () {
      yield* use(setUp)
      yield* files((root) => IndexFiles.remove(root.derived, "order", segmentName))
      probe.indexesWritten = []
      yield* use((store) => assertRight(store))
      assert.deepStrictEqual(probe.indexesWritten, [`order/${segmentName}.idx`])
      yield* use((store) => assertRight(store))
      assert.deepStrictEqual(probe.indexesWritten, [`order/${segmentName}.idx`])
    }))

  test("reads correctly, only slower, if an index cannot be read or written", ({ use, files, probe }) =>
    Effect.gen(function* () {
      yield* use(setUp)
      yield* files((root) => IndexFiles.remove(root.derived, "order", segmentName))
      probe.indexes = "refused"
      yield* use((store) => assertRight(store))
      yield* use((store) => assertRight(store), { mode: "read" })
    }))

  for (const fillers of [0, 700]) {
    const pages = fillers === 0 ? "one page" : "several pages"
    test(`rebuilds an index of ${pages} that has any byte flipped, and reads correctly`, ({ use, probe }) =>
      Effect.gen(function* () {
        const filler = numbers(fillers).map((n) => ({ type: "Filler", data: n }))
        yield* use((store) => Effect.andThen(setUp(store), store.append("order-z", filler)))
        const assertAll = (store: Store) =>
          Effect.gen(function* () {
            yield* assertRight(store, fillers)
            assert.deepStrictEqual(yield* dataOf(store.read("order-z")), numbers(fillers))
            assert.isTrue((yield* store.append("order-b", [named("order-b", 1)])).repeated)
          })
        const reads = new Map<number, number>()
        probe.readIndex = (bytes, offset) => {
          reads.set(offset, offset + bytes.length)
          return bytes
        }
        yield* use(assertAll)
        const read = (at: number) => [...reads].some(([from, to]) => from <= at && at < to)
        const size = Math.max(...reads.values())
        assert.strictEqual(size > 4096, fillers > 0)
        // Every byte of a small index, and some of each page of a larger one.
        const isPicked = (at: number) => fillers === 0 || at % 4096 < 40 || at % 4096 >= 4092 || at % 401 === 0
        for (const at of numbers(size).filter((byte) => isPicked(byte) && read(byte))) {
          probe.indexesWritten = []
          probe.readIndex = (bytes, offset) => {
            if (probe.indexesWritten.length > 0 || at < offset || at >= offset + bytes.length) return bytes
            return bytes.map((byte, i) => (offset + i === at ? byte ^ 0x10 : byte))
          }
          yield* use(assertAll)
          assert.deepStrictEqual(probe.indexesWritten, [`order/${segmentName}.idx`], `byte ${at}`)
        }
      }))
  }

  test("rebuilds an index that is cut off, empty or of another segment", ({ use, files, probe }) =>
    Effect.gen(function* () {
      yield* use((store) =>
        Effect.gen(function* () {
          yield* setUp(store)
          yield* flush(store, "order")
          yield* store.append("acc-1", numbered(9))
        })
      )
      const [own, other] = yield* files((root) =>
        Effect.gen(function* () {
          const read = function* (tape: string) {
            const size = yield* IndexFiles.size(root.derived, tape, segmentName)
            return (yield* IndexFiles.readRanges(root.derived, tape, segmentName, [[0, size!]]))[0]!
          }
          return [yield* read("order"), yield* read("acc")]
        })
      )
      const bad = [new Uint8Array(), own!.slice(0, 163), own!.slice(0, 100), own!.slice(0, -1), other!]
      for (const bytes of bad) {
        yield* files((root) => IndexFiles.write(root.derived, "order", segmentName, bytes))
        probe.indexesWritten = []
        yield* use((store) =>
          Effect.gen(function* () {
            assert.isTrue((yield* store.append("order-b", [named("order-b", 1)])).repeated)
            for (const stream of streams) {
              const data = numbers(3).map((n) => `${stream}/${n}`)
              assert.deepStrictEqual(yield* dataOf(store.read(stream)), data)
            }
          })
        )
        assert.deepStrictEqual(probe.indexesWritten, [`order/${segmentName}.idx`])
      }
    }))

  test("keeps streams and ids with equal hashes apart", ({ use, files }) =>
    Effect.gen(function* () {
      yield* use(setUp)
      // All streams of the segment, and one that is not in it, have the hash of `order-b`; all ids have that of its
      // last event.
      yield* files((root) =>
        Effect.gen(function* () {
          const builder = new SegmentIndexBuilder("events", () => hash53("order-b"))
          const idHash = hashId("order-b", "order-b/2")
          for (const { bytes, stream, revision, position } of yield* linesOf(root)) {
            builder.add(bytes, 0, bytes.length, { stream, revision, position, idHash })
          }
          const meta = yield* root.meta.read("order")
          const sha256 = /"sha256":"([0-9a-f]{64})"/.exec(Buffer.from(meta!.bytes).toString("utf8"))![1]!
          yield* IndexFiles.write(root.derived, "order", segmentName, builder.finish(sha256))
        })
      )
      yield* use((store) =>
        Effect.gen(function* () {
          const data = numbers(3).map((n) => `order-b/${n}`)
          assert.deepStrictEqual(yield* dataOf(store.read("order-b")), data)
          assert.deepStrictEqual(yield* dataOf(store.read("order-b", { direction: "backward", limit: 2 })), [
            data[2],
            data[1]
          ])
          assert.strictEqual(yield* store.revision("order-b"), 2)
          const again = yield* store.append("order-b", [named("order-b", 2)])
          assert.deepInclude(again, { firstRevision: 2, lastRevision: 2, repeated: true })
        })
      )
    }))

  test("reads a stream as empty if its hash leads only to other streams", ({ use, files }) =>
    Effect.gen(function* () {
      yield* use(setUp)
      yield* files((root) =>
        Effect.gen(function* () {
          const builder = new SegmentIndexBuilder("events", () => hash53("order-z"))
          for (const { bytes, stream, revision, position } of yield* linesOf(root)) {
            builder.add(bytes, 0, bytes.length, { stream, revision, position, idHash: hashId("order-z", "order-b/1") })
          }
          const meta = yield* root.meta.read("order")
          const sha256 = /"sha256":"([0-9a-f]{64})"/.exec(Buffer.from(meta!.bytes).toString("utf8"))![1]!
          yield* IndexFiles.write(root.derived, "order", segmentName, builder.finish(sha256))
        })
      )
      yield* use((store) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* dataOf(store.read("order-z")), [])
          assert.strictEqual(yield* store.revision("order-z"), "no-stream")
          const first = yield* store.append("order-z", [named("order-b", 1)], { expected: "no-stream" })
          assert.deepInclude(first, { firstRevision: 0, firstPosition: 9, repeated: false })
          assert.deepStrictEqual(yield* dataOf(store.read("order-z")), ["order-b/1"])
          assert.isTrue((yield* store.append("order-z", [named("order-b", 1)])).repeated)
        })
      )
    }))

  test("detects an older copy of a tape by the gap, or by the events that were committed after it", ({
    use,
    files,
    probe
  }) =>
    Effect.gen(function* () {
      yield* use((store) => Effect.andThen(store.append("order-1", numbered(2)), store.append("acc-1", numbered(2, 2))))
      const old = yield* files((root) => root.meta.read("order"))
      const putBack = files((root) =>
        Effect.gen(function* () {
          const meta = yield* root.meta.read("order")
          yield* root.meta.replace("order", meta!.version, old!.bytes)
          return meta!
        })
      )
      yield* use((store) => store.append("order-1", numbered(2, 4)))
      const newer = yield* putBack
      const gap = (expected: number, found: number) => ({ _tag: "PositionGap", expected, found })
      yield* use((store) =>
        Effect.gen(function* () {
          // The last events of the lib are missing.
          assert.deepStrictEqual(yield* failing(dataOf(store.readAll()), gap(4, 6)), gap(4, 6))
          const backward = dataOf(store.readAll({ direction: "backward" }))
          assert.deepStrictEqual(yield* failing(backward, gap(5, 3)), gap(5, 3))
          assert.deepStrictEqual(yield* dataOf(store.readAll({ to: 4 })), numbers(4))
          yield* store.append("acc-1", numbered(2, 6))
          assert.deepStrictEqual(yield* failing(dataOf(store.readAll()), gap(4, 6)), gap(4, 6))
          assert.deepStrictEqual(yield* failing(dataOf(store.readAll({ from: 3 })), gap(4, 6)), gap(4, 6))
        })
      )
      yield* files((root) =>
        Effect.gen(function* () {
          const meta = yield* root.meta.read("order")
          yield* root.meta.replace("order", meta!.version, newer.bytes)
        })
      )
      yield* use((store) => Effect.map(dataOf(store.readAll()), (data) => assert.deepStrictEqual(data, numbers(8))))
      // Events that are committed but in no segment yet do not follow the older copy.
      yield* use((store) =>
        Effect.gen(function* () {
          yield* store.append("order-1", numbered(1, 8))
          probe.broken = true
        })
      )
      probe.broken = false
      yield* putBack
      yield* use((store) =>
        Effect.gen(function* () {
          const invalid = { _tag: "TapeInvalid", tape: "order" }
          assert.deepStrictEqual(yield* failing(dataOf(store.readAll()), invalid), invalid)
          assert.deepStrictEqual(yield* failing(dataOf(store.read("order-1")), invalid), invalid)
          assert.deepStrictEqual(yield* failing(store.append("order-1", numbered(1)), invalid), invalid)
          assert.deepStrictEqual(yield* failing(tapeOf(store, "order"), invalid), invalid)
          assert.deepStrictEqual(yield* dataOf(store.read("acc-1")), [2, 3, 6, 7])
        })
      )
    }))
}
