/** Subscriptions: where they begin, how they end, how they learn of new events, and what that costs. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeStorage from "litetapes/NodeStorage"
import { type Root, Storage, StorageError } from "litetapes/Storage"
import * as path from "node:path"
import { assert, describe } from "vitest"
import { changeRoot } from "../support/changeRoot.ts"
import { copyLib } from "../support/copyLib.ts"
import { openStore, tagOf } from "../support/openLib.ts"
import { failure, probeOf } from "../support/probedStorage.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

type Store = EventStore.EventStore["Service"]

const newFolder = temporaryFolder()

const made = [{ type: "Made", data: {} }]

/** Subscribes, and returns what comes, batch by batch. Batches without events are left out, except for the first one. */
const batchesOf = (store: Store, options?: EventStore.SubscribeOptions) =>
  Effect.gen(function* () {
    const queue = yield* Queue.unbounded<EventStore.SubscriptionBatch>()
    const fiber = yield* Effect.forkScoped(
      Stream.runForEach(store.subscribeBatches(options), (batch) => Queue.offer(queue, batch))
    )
    return { first: yield* Queue.take(queue), next: Queue.take(queue), fiber }
  })

const positions = ({ events }: EventStore.SubscriptionBatch): ReadonlyArray<number> =>
  events.map(({ position }) => position)

/** A storage whose roots are changed. */
const changed = (base: Storage["Service"], change: (root: Root) => Root): Storage["Service"] => ({
  open: (place, mode) => Effect.map(base.open(place, mode), change)
})

/** A storage in memory, and the number of bytes of dynamic segments that its readers have read. */
const meteredReaders = Effect.gen(function* () {
  const read = { bytes: 0 }
  const storage = changed(yield* MemoryStorage.make, (root) =>
    root.mode === "write"
      ? root
      : changeRoot(root, {
          journal: {
            read: (n, offset, length) =>
              Effect.tap(root.journal.read(n, offset, length), (found) =>
                Effect.sync(() => void (read.bytes += found.length))
              )
          }
        })
  )
  return { read, storage }
})

describe("a subscription begins", () => {
  it.effect("at the start, at the end, or after an event, and says how many events follow", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore(yield* MemoryStorage.make)
      for (const n of [1, 2, 3]) yield* store.append(`order-${n}`, made)
      const start = yield* batchesOf(store)
      assert.deepStrictEqual([positions(start.first), start.first.next, start.first.end], [[0, 1, 2], 3, 3])
      assert.strictEqual(start.first.source, "commits")
      const end = yield* batchesOf(store, { from: "end" })
      assert.deepStrictEqual([positions(end.first), end.first.next, end.first.end], [[], 3, 3])
      const after = yield* batchesOf(store, { from: { after: 1 } })
      assert.deepStrictEqual(positions(after.first), [2])
      yield* store.append("order-1", made)
      for (const { next } of [start, end, after]) assert.deepStrictEqual(positions(yield* next), [3])
    })
  )

  it.effect("moves past events that do not match", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore(yield* MemoryStorage.make)
      yield* store.append("order-1", made)
      const { first, next } = yield* batchesOf(store, { filter: { types: ["Paid"] } })
      assert.deepInclude(first, { events: [], next: 1, end: 1 })
      yield* store.append("order-1", made)
      assert.deepInclude(yield* next, { events: [], next: 2, end: 2 })
    })
  )

  it.effect("not after what this lib does not have", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const { lib, store } = yield* openStore(storage)
      const { store: other } = yield* openStore(storage, {}, "other")
      yield* store.append("order-1", made)
      yield* other.append("order-1", made)
      const here = { lib: lib.id, lineage: lib.lineage, position: 0 }
      const refused = (s: Store, after: number | Lib.Place) => tagOf(Stream.runDrain(s.subscribe({ from: { after } })))
      assert.strictEqual(yield* refused(store, 1), "NotInHistory")
      assert.strictEqual(yield* refused(other, here), "NotInHistory")
      assert.strictEqual(yield* refused(store, { ...here, position: 1 }), "NotInHistory")
      assert.strictEqual(
        yield* tagOf(Stream.runDrain(store.subscribeToStream("order-1", { from: { after: 1 } }))),
        "NotInHistory"
      )
      assert.strictEqual(
        yield* tagOf(Stream.runDrain(store.subscribeToStream("order-2", { from: { after: 0 } }))),
        "NotInHistory"
      )
      const { first } = yield* batchesOf(store, { from: { after: here } })
      assert.strictEqual(first.next, 1)
    })
  )

  it.effect("in a reader whose view is older than the place", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const { store } = yield* openStore(storage)
      yield* store.append("order-1", made)
      const { store: reader } = yield* openStore(storage, { mode: "read" })
      yield* store.append("order-1", made)
      const { first } = yield* batchesOf(reader, { from: { after: 1 } })
      assert.deepInclude(first, { events: [], next: 2, end: 2 })
      const { first: last } = yield* batchesOf(reader, { from: "end" })
      assert.strictEqual(last.next, 2)
    })
  )
})

describe("a subscription ends", () => {
  it.effect("with the lib, after everything that was durable", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      for (const mode of ["write", "read"] as const) {
        const writer = yield* openStore(storage)
        const { close, store } = mode === "write" ? writer : yield* openStore(storage, { mode })
        const { fiber } = yield* batchesOf(store)
        const one = yield* Effect.forkScoped(Stream.runDrain(store.subscribeToStream("order-1")))
        yield* close
        const tags = [yield* tagOf(Fiber.join(fiber)), yield* tagOf(Fiber.join(one))]
        assert.deepStrictEqual(tags, ["LibClosed", "LibClosed"])
        yield* writer.close
      }
    })
  )

  it.effect("when the writer stops and nobody opens the lib again", () =>
    Effect.gen(function* () {
      const probe = probeOf(yield* MemoryStorage.make)
      const { store } = yield* openStore(probe.storage)
      yield* store.append("order-1", made)
      const { fiber, first } = yield* batchesOf(store)
      assert.deepStrictEqual(positions(first), [0])
      probe.beforeCommit = Effect.fail(failure)
      yield* Effect.flip(store.append("order-1", made))
      assert.strictEqual(yield* tagOf(Fiber.join(fiber)), "WriterPoisoned")
    })
  )

  it.live("not when the lib opens itself again", () =>
    Effect.gen(function* () {
      const probe = probeOf(yield* MemoryStorage.make)
      const { lib, store } = yield* openStore(probe.storage, { reopen: true })
      yield* store.append("order-1", made)
      const { first, next } = yield* batchesOf(store)
      const one = yield* Queue.unbounded<number>()
      const follow = Stream.runForEach(store.subscribeToStream("order-1"), ({ revision }) => Queue.offer(one, revision))
      yield* Effect.forkScoped(follow)
      assert.deepStrictEqual([positions(first), yield* Queue.take(one)], [[0], 0])
      probe.beforeCommit = Effect.fail(failure)
      yield* Effect.flip(store.append("order-1", made))
      probe.beforeCommit = Effect.void
      yield* Effect.retry(store.append("order-1", made), { while: () => true, times: 200 })
      yield* lib.reopen
      assert.deepStrictEqual([positions(yield* next), yield* Queue.take(one)], [[1], 1])
    })
  )
})

describe("a reader follows", () => {
  const cases: ReadonlyArray<readonly [name: string, source: string, change: (root: Root) => Root]> = [
    ["by a watch", "watch", (root: Root) => root],
    [
      "at an interval if nothing can be watched",
      "interval",
      ({ hint: { watch: _, ...hint }, ...root }: Root) => ({ ...root, hint })
    ],
    [
      "at an interval if the watch fails",
      "interval",
      (root: Root) => changeRoot(root, { hint: { watch: () => Effect.fail(unwatched) } })
    ]
  ]
  for (const [name, source, change] of cases) {
    it.live(`${name}, also through two takeovers`, () =>
      Effect.gen(function* () {
        const base = yield* Effect.provide(Storage, NodeStorage.layer)
        const storage = changed(base, change)
        const place = path.join(newFolder(), "lib")
        const first = yield* openStore(storage, {}, place)
        yield* first.store.append("order-1", made)
        const { store: reader } = yield* openStore(storage, { mode: "read" }, place)
        const { first: seen, next } = yield* batchesOf(reader)
        const one = yield* Queue.unbounded<number>()
        const follow = Stream.runForEach(reader.subscribeToStream("order-1"), ({ revision }) =>
          Queue.offer(one, revision)
        )
        yield* Effect.forkScoped(follow)
        assert.deepStrictEqual([positions(seen), yield* Queue.take(one)], [[0], 0])
        yield* first.close
        for (const position of [1, 2]) {
          const writer = yield* openStore(storage, {}, place)
          yield* writer.store.append("order-1", made)
          const batch = yield* next
          assert.deepStrictEqual([positions(batch), batch.source], [[position], source])
          assert.strictEqual(yield* Queue.take(one), position)
          yield* writer.close
        }
      })
    )
  }

  it.live("at an interval once the watch reports that it ended", () =>
    Effect.gen(function* () {
      let report: ((error?: StorageError) => void) | undefined
      const storage = changed(yield* MemoryStorage.make, (root) =>
        changeRoot(root, { hint: { watch: (to) => Effect.sync(() => void (report = to)) } })
      )
      const { store } = yield* openStore(storage)
      const { store: reader } = yield* openStore(storage, { mode: "read" })
      const { next } = yield* batchesOf(reader)
      yield* store.append("order-1", made)
      assert.strictEqual((yield* next).source, "watch")
      report!(unwatched)
      yield* store.append("order-1", made)
      assert.strictEqual((yield* next).source, "interval")
    })
  )

  it.live("reading what is new, and not the whole dynamic segment", () =>
    Effect.gen(function* () {
      const { read, storage } = yield* meteredReaders
      const { store } = yield* openStore(storage)
      yield* store.append("order-1", [{ type: "Made", data: { text: "x".repeat(500_000) } }])
      const { store: reader } = yield* openStore(storage, { mode: "read" })
      const { next } = yield* batchesOf(reader)
      yield* store.append("order-2", made)
      yield* next
      read.bytes = 0
      for (let n = 0; n < 20; n++) {
        yield* store.append("order-2", made)
        yield* next
      }
      assert.isAbove(read.bytes, 20 * 100)
      assert.isBelow(read.bytes, 20 * 2_000)
    })
  )

  it.live("and never shows what an overtaken writer still appended to its file", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const { store: overtaken } = yield* openStore(storage)
      yield* overtaken.append("order-1", made)
      yield* copyLib(storage, "lib", "copy")
      yield* overtaken.append("order-1", [{ type: "Lost", data: {} }])
      const late = yield* Effect.scoped(
        Effect.gen(function* () {
          const { journal } = yield* storage.open("lib", "read")
          const [n = 0] = yield* journal.list
          return { n, bytes: yield* journal.read(n, 0, (yield* journal.size(n)) ?? 0) }
        })
      )
      let isLate = false
      const withLate = changed(storage, (root) =>
        changeRoot(root, {
          journal: {
            size: (n) => (isLate && n === late.n ? Effect.succeed(late.bytes.length) : root.journal.size(n)),
            read: (n, offset, length) =>
              isLate && n === late.n
                ? Effect.succeed(late.bytes.slice(offset, offset + length))
                : root.journal.read(n, offset, length)
          }
        })
      )
      const { store: reader } = yield* openStore(withLate, { mode: "read" }, "copy")
      const { first, next } = yield* batchesOf(reader)
      assert.deepStrictEqual(positions(first), [0])
      isLate = true
      const { store } = yield* openStore(storage, {}, "copy")
      yield* store.append("order-1", [{ type: "Kept", data: {} }])
      const [event] = (yield* next).events
      assert.deepStrictEqual([event?.type, event?.position], ["Kept", 1])
    })
  )

  it.live("a stream also if a writer opens the lib, appends and closes it between two looks", () =>
    Effect.gen(function* () {
      const base = yield* MemoryStorage.make
      const storage = changed(base, ({ hint: { watch: _, ...hint }, ...root }: Root) => ({ ...root, hint }))
      const first = yield* openStore(storage)
      yield* first.store.append("order-1", made)
      yield* first.close
      const { store: reader } = yield* openStore(storage, { mode: "read" })
      const one = yield* Queue.unbounded<number>()
      const follow = Stream.runForEach(reader.subscribeToStream("order-1"), ({ revision }) =>
        Queue.offer(one, revision)
      )
      yield* Effect.forkScoped(follow)
      assert.strictEqual(yield* Queue.take(one), 0)
      for (const revision of [1, 2, 3]) {
        const writer = yield* openStore(storage)
        yield* writer.store.append("order-1", made)
        yield* writer.close
        assert.strictEqual(yield* Queue.take(one), revision)
      }
    })
  )

  it.live("reading little, also once the next dynamic segment is listed", () =>
    Effect.gen(function* () {
      const { read, storage } = yield* meteredReaders
      const { store } = yield* openStore(storage, { closeBytes: 400_000 })
      const { store: reader } = yield* openStore(storage, { mode: "read" })
      const { next } = yield* batchesOf(reader)
      yield* store.append("order-1", [{ type: "Made", data: { text: "x".repeat(250_000) } }])
      yield* next
      yield* Effect.sleep(50)
      yield* store.append("order-1", made)
      yield* next
      read.bytes = 0
      for (let n = 0; n < 20; n++) {
        yield* store.append("order-2", made)
        yield* next
      }
      assert.isBelow(read.bytes, 20 * 2_000)
      // Beyond the roll.
      yield* store.append("order-1", [{ type: "Made", data: { text: "x".repeat(250_000) } }])
      yield* next
      yield* store.append("order-2", made)
      assert.lengthOf((yield* next).events, 1)
    })
  )

  it.live("and fails when another history is there", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const writer = yield* openStore(storage)
      for (let n = 0; n < 5; n++) yield* writer.store.append("order-1", made)
      const { store: reader } = yield* openStore(storage, { mode: "read" })
      const { fiber } = yield* batchesOf(reader)
      yield* writer.close
      const spoil = Effect.gen(function* () {
        const root = yield* storage.open("lib", "recover")
        const meta = yield* root.meta.read(undefined)
        yield* root.meta.replace(undefined, meta!.version, new Uint8Array(0))
      })
      yield* Effect.scoped(spoil)
      yield* Effect.provideService(Lib.recover("lib"), Storage, storage)
      const next = yield* openStore(storage)
      yield* next.store.append("order-1", made)
      assert.strictEqual(yield* tagOf(Fiber.join(fiber)), "IdentityMismatch")
    })
  )

  it.live("again after a look that failed, for those who subscribe then", () =>
    Effect.gen(function* () {
      let fails = 0
      const storage = changed(yield* MemoryStorage.make, (root) =>
        changeRoot(root, {
          hint: { read: Effect.suspend(() => (fails > 0 && fails-- > 0 ? Effect.fail(unwatched) : root.hint.read)) }
        })
      )
      const { store } = yield* openStore(storage)
      const { store: reader } = yield* openStore(storage, { mode: "read" })
      // A slow subscription keeps the follower at work.
      yield* Effect.forkScoped(Stream.runForEach(reader.subscribeBatches(), () => Effect.never))
      const { fiber } = yield* batchesOf(reader)
      fails = 1
      yield* store.append("order-1", made)
      assert.strictEqual(yield* tagOf(Fiber.join(fiber)), "StorageError")
      yield* Effect.sleep(250)
      const { first, next } = yield* batchesOf(reader)
      assert.deepStrictEqual(positions(first), [0])
      yield* store.append("order-1", made)
      assert.deepStrictEqual(positions(yield* next), [1])
    })
  )

  it.live("and says so if a look dies", () =>
    Effect.gen(function* () {
      let dies = false
      const storage = changed(yield* MemoryStorage.make, (root) =>
        changeRoot(root, { hint: { read: Effect.suspend(() => (dies ? Effect.die("a defect") : root.hint.read)) } })
      )
      const { store } = yield* openStore(storage)
      const { store: reader } = yield* openStore(storage, { mode: "read" })
      const { fiber } = yield* batchesOf(reader)
      dies = true
      yield* store.append("order-1", made)
      const exit = yield* Fiber.await(fiber)
      assert.match(String(exit), /a defect/)
    })
  )

  it.live("only while somebody is subscribed", () =>
    Effect.gen(function* () {
      let looks = 0
      const storage = changed(yield* MemoryStorage.make, (root) =>
        changeRoot(root, {
          hint: { read: Effect.tap(root.hint.read, () => Effect.sync(() => (looks += 1))) }
        })
      )
      const { store } = yield* openStore(storage)
      const { store: reader } = yield* openStore(storage, { mode: "read" })
      const { fiber, next } = yield* batchesOf(reader)
      yield* store.append("order-1", made)
      yield* next
      yield* Fiber.interrupt(fiber)
      looks = 0
      yield* store.append("order-1", made)
      yield* Effect.sleep(250)
      assert.strictEqual(looks, 0)
    })
  )
})

const unwatched = new StorageError({ operation: "hint.watch", place: "here", reason: "failed", detail: "ENOSPC" })
