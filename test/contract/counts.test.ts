/**
 * What operations cost, in counts that depend on no clock and no machine: steps of the disk, bytes, parsed records. A
 * benchmark shows how fast something is; these tests show that it still does no more than it must.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as EventStore from "litetapes/EventStore"
import { bytesOf, countParses, ground, isDynamic, isIndex, isSegment, shown } from "../support/countedDisk.ts"

const note = (n: number, bytes = 200) => ({ type: "Noted", data: { n, text: "x".repeat(bytes) } })

/** Appends 4,000 events over 200 streams of one tape, one stream after the other. They fill several segments. */
const load = (store: EventStore.EventStore["Service"]) =>
  Effect.forEach(
    Array.from({ length: 200 }, (_, stream) => stream),
    (stream) =>
      store.append(
        `note-${stream}`,
        Array.from({ length: 20 }, (_, n) => note(n))
      ),
    { discard: true }
  )

const segmentBytes = 250_000
const blockBytes = 64 * 1024
const pageBytes = 4096

describe("the cost of operations", () => {
  it.live("an append costs one write, one sync, one stat and one write of the hint", () => {
    const { use, take } = ground()
    return use((store) =>
      Effect.gen(function* () {
        yield* store.append("note-1", [note(0)])
        for (let n = 1; n < 10; n++) {
          take()
          yield* store.append("note-1", [note(n)])
          assert.deepStrictEqual(take().map(shown), [
            "write litelib.dynamic-000001.jsonl",
            "datasync litelib.dynamic-000001.jsonl",
            "stat owner",
            "write litelib.acked"
          ])
        }
      })
    )
  })

  it.live("concurrent appends share one write, one sync and one stat", () => {
    const { use, take } = ground()
    return use((store) =>
      Effect.gen(function* () {
        const streams = Array.from({ length: 256 }, (_, n) => `note-${n}`)
        yield* store.appendAll(streams.map((stream) => ({ stream, events: [note(0)] })))
        take()
        yield* Effect.forEach(streams, (stream) => store.append(stream, [note(1)]), { concurrency: "unbounded" })
        const counts = new Map<string, number>()
        for (const step of take().map(shown)) counts.set(step, (counts.get(step) ?? 0) + 1)
        assert.deepStrictEqual(
          [...counts.keys()],
          [
            "write litelib.dynamic-000001.jsonl",
            "datasync litelib.dynamic-000001.jsonl",
            "stat owner",
            "write litelib.acked"
          ]
        )
        // The first of them may be committed alone, before the others have arrived.
        for (const [step, count] of counts) assert.isAtMost(count, 2, step)
      })
    )
  })

  it.live("room costs at most twice the bytes that batches cost", () => {
    const { use, take } = ground()
    return use((store) =>
      Effect.gen(function* () {
        for (let n = 0; n < 300; n++) yield* store.append("note-1", [note(n)])
        const writes = take().filter(({ operation, path }) => operation === "write" && isDynamic(path))
        // The header, then one batch after the other: the last one begins at the end of all the others.
        const end = writes.at(-1)!.position!
        assert.isAbove(end, 300 * 200)
        assert.isAtMost(bytesOf(writes, "write", isDynamic), 3 * end + 1024)
      })
    )
  })

  it.live("a close reads and writes every record once", () => {
    const { use, take } = ground()
    return Effect.gen(function* () {
      let content = 0
      yield* use((store) =>
        Effect.gen(function* () {
          yield* load(store)
          content = yield* contentOf(store)
          take()
        })
      )
      const steps = take()
      // Segments are written in the writer's own folder, and then moved.
      const moved = steps.filter(({ operation, to = "" }) => operation === "rename" && isSegment(to))
      const made = new Set(moved.map(({ path }) => path))
      assert.strictEqual(
        bytesOf(steps, "write", (path) => made.has(path)),
        content
      )
      assert.isBelow(bytesOf(steps, "read", isDynamic), 1.1 * content)
    })
  })

  it.live("opening reads no closed segment, and parses none of its records", () => {
    const { use, take } = ground()
    return Effect.gen(function* () {
      yield* use(load, { closeBytes: segmentBytes })
      take()
      const parses = yield* countParses(use((store) => store.append("fresh-1", [note(0)])))
      assert.strictEqual(bytesOf(take(), "read", isSegment), 0)
      // Lines of metas, the dynamic segment's header and marks.
      assert.isBelow(parses, 100)
    })
  })

  it.live("reading a stream reads only the blocks that contain it, and parses only its events", () => {
    const { use, take } = ground()
    return Effect.gen(function* () {
      yield* use(load, { closeBytes: segmentBytes })
      yield* use((store) =>
        Effect.gen(function* () {
          yield* Stream.runCollect(store.read("note-0"))
          take()
          const parses = yield* countParses(Stream.runCollect(store.read("note-150")))
          const steps = take()
          assert.isAtMost(parses, 20)
          // The stream's events are adjacent, so they are in at most two blocks.
          assert.isAtMost(bytesOf(steps, "read", isSegment), 2 * blockBytes)
          assert.isAtMost(bytesOf(steps, "read", isIndex), 60 * pageBytes)
        })
      )
    })
  })

  it.live("new streams cost few index reads, once many streams were missing from every segment", () => {
    const { use, take } = ground()
    return Effect.gen(function* () {
      yield* use(load, { closeBytes: segmentBytes })
      yield* use((store) =>
        Effect.gen(function* () {
          const appendNew = (count: number, from: number) =>
            Effect.forEach(
              Array.from({ length: count }, (_, n) => n + from),
              (n) => store.append(`note-new-${n}`, [note(0)]),
              { discard: true }
            )
          yield* appendNew(20, 0)
          take()
          yield* appendNew(200, 20)
          const looks = take().filter(({ operation, path }) => operation === "read" && isIndex(path))
          // Without filters it would be at least 800: four segments, each asked for each stream. One filter answer in a
          // hundred is a false "perhaps".
          assert.isBelow(looks.length, 60)
          // Existing streams are still found, and continue at their next revision.
          for (const n of [0, 77, 199]) {
            const { firstRevision } = yield* store.append(`note-${n}`, [note(20)])
            assert.strictEqual(firstRevision, 20)
          }
        })
      )
    })
  })

  it.live("reading the last event of a stream parses only that one", () => {
    const { use } = ground()
    return Effect.gen(function* () {
      yield* use(load, { closeBytes: segmentBytes })
      yield* use((store) =>
        Effect.gen(function* () {
          yield* Stream.runCollect(store.read("note-0"))
          const last = Stream.runHead(store.read("note-150", { direction: "backward", limit: 1 }))
          assert.isAtMost(yield* countParses(last), 1)
        })
      )
    })
  })
})

/** Bytes of the lines of all events. */
const contentOf = (store: EventStore.EventStore["Service"]) =>
  Effect.map(Stream.runCollect(store.readAll()), (events) =>
    events.reduce((sum, { type, ...rest }) => sum + JSON.stringify({ $type: type, ...rest }).length + 1, 0)
  )
