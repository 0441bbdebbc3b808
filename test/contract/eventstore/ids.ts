/** Ids: a repeated append returns its first result again, and one that only resembles an earlier one is refused. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { NewEvent } from "litetapes/EventStore"
import { all, type Contract, failing, flush, numbered, numbers, type Store } from "./support.ts"
import * as IndexFiles from "../../../src/services/segment/IndexFiles.ts"

const named = (id: string, data: unknown = id): NewEvent => ({ type: "Named", id, data })

const conflict = (id: string, why: string, stream = "order-1") => ({ _tag: "EventIdConflict", stream, id, why })

export const idContract: Contract = (test) => {
  test("returns the first result again for a repeated append, whatever it expects", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("acc-1", numbered(3))
        const first = yield* store.append("order-1", [named("a"), named("b")], { expected: "no-stream" })
        yield* store.append("order-1", numbered(5))
        for (const expected of ["no-stream", "any", "stream-exists", 0, 1, 99] as const) {
          const again = yield* store.append("order-1", [named("a"), named("b")], { expected })
          assert.deepStrictEqual(again, { ...first, repeated: true })
        }
        assert.strictEqual(yield* store.position, 10)
      })
    ))

  test("recognises a part of an earlier append, in its order, as a repeat", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("order-1", [named("a"), named("b")])
        yield* store.append("order-1", [named("c")])
        const again = yield* store.append("order-1", [named("b"), named("c")])
        assert.deepInclude(again, { firstRevision: 1, lastRevision: 2, firstPosition: 1, repeated: true })
      })
    ))

  test("refuses an id with other content, among new events, out of order, and twice", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("order-1", [named("a"), named("b"), named("c")])
        const refusals: ReadonlyArray<readonly [ReadonlyArray<NewEvent>, id: string, why: string]> = [
          [[named("a", "other")], "a", "other-content"],
          [[{ ...named("a"), type: "Other" }], "a", "other-content"],
          [[{ ...named("a"), tags: ["t"] }], "a", "other-content"],
          [[{ ...named("a"), tags: ["t"], metadata: { m: 1 } }], "a", "other-content"],
          [[named("a"), named("b", 1)], "b", "other-content"],
          [[named("a"), named("new")], "a", "partly-repeated"],
          [[named("new"), named("a")], "a", "partly-repeated"],
          [[named("c"), { type: "Unnamed" }], "c", "partly-repeated"],
          [[named("b"), named("a")], "b", "partly-repeated"],
          [[named("a"), named("c")], "a", "partly-repeated"],
          [[named("x"), named("y"), named("x")], "x", "twice-in-one-batch"],
          [[named("a"), named("a")], "a", "twice-in-one-batch"]
        ]
        for (const [events, id, why] of refusals) {
          const refused = conflict(id, why)
          assert.deepStrictEqual(yield* failing(store.append("order-1", events), refused), refused)
        }
        assert.strictEqual(yield* store.position, 3)
      })
    ))

  test("takes content for the same if only the order of keys differs", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const event = { type: "A", id: "a", data: { x: 1, y: [0] }, metadata: { p: 1, q: 2 }, tags: ["s", "t"] }
        yield* store.append("order-1", [event])
        const turned = { tags: ["s", "t"], metadata: { q: 2, p: 1 }, data: { y: [-0], x: 1 }, id: "a", type: "A" }
        assert.isTrue((yield* store.append("order-1", [turned])).repeated)
        assert.isTrue((yield* store.append("order-2", [{ type: "A", id: "b" }])).firstRevision === 0)
        const spelled = { type: "A", id: "b", data: null, metadata: {}, tags: [] }
        assert.isTrue((yield* store.append("order-2", [spelled])).repeated)
      })
    ))

  test("takes other metadata for a repeat, and keeps the first", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const event = {
          type: "A",
          id: "a",
          data: 1,
          tags: ["s", "t"],
          metadata: { correlationId: "first", ua: "curl" }
        }
        const first = yield* store.append("order-1", [event])
        const others: ReadonlyArray<NewEvent> = [
          { type: "A", id: "a", data: 1, tags: ["s", "t"] },
          { ...event, metadata: { correlationId: "second" } },
          { ...event, metadata: { big: "x".repeat(5000) }, tags: ["t", "s"] }
        ]
        const marks = [{}, { correlationId: "third" }, { causationId: "command", correlationId: "fourth" }]
        for (const other of others) {
          for (const options of marks) {
            const again = { ...first, repeated: true }
            assert.deepStrictEqual(yield* store.append("order-1", [other], options), again)
            const appends = [{ stream: "order-1", events: [other] }]
            assert.deepStrictEqual(yield* store.appendAll(appends, options), [again])
          }
        }
        const [stored] = yield* all(store.read("order-1"))
        assert.deepStrictEqual(stored!.metadata, event.metadata)
        assert.deepStrictEqual(stored!.tags, event.tags)
        const refused = conflict("a", "other-content")
        for (const tags of [[], ["s"], ["s", "t", "u"], ["s", "u"]]) {
          assert.deepStrictEqual(yield* failing(store.append("order-1", [{ ...event, tags }]), refused), refused)
        }
      })
    ))

  test("finds an event by its id in its stream, durable ones only, also in a reader", ({ use, open, probe }) =>
    use((store) =>
      Effect.gen(function* () {
        assert.isUndefined(yield* store.find("order-1", "a"))
        yield* store.append("order-1", [named("a"), named("b")])
        yield* store.append("order-2", [named("a", "of 2")])
        const reader = yield* open({ mode: "read" })
        for (const one of [store, reader]) {
          const [, second] = yield* all(one.read("order-1"))
          assert.deepStrictEqual(yield* one.find("order-1", "b"), second)
          assert.deepInclude(yield* one.find("order-2", "a"), { data: "of 2", stream: "order-2" })
          for (const [stream, id] of [
            ["order-1", "c"],
            ["order-2", "b"],
            ["order-3", "a"],
            ["acc-1", "a"],
            ["order-1", ""]
          ]) {
            assert.isUndefined(yield* one.find(stream!, id!))
          }
        }
        const invalid = { _tag: "InvalidStreamName" }
        assert.deepStrictEqual(yield* failing(store.find("", "a"), invalid), invalid)
        // Written, but not acknowledged yet.
        let during: unknown = "not looked"
        probe.beforeHint = Effect.ignore(
          Effect.map(store.find("order-1", "c"), (found) => {
            during = found
          })
        )
        yield* store.append("order-1", [named("c")])
        probe.beforeHint = Effect.void
        assert.isUndefined(during)
        assert.deepInclude(yield* store.find("order-1", "c"), { revision: 2 })
        // A reader shows what it saw when it was opened or refreshed.
        assert.isUndefined(yield* reader.find("order-1", "c"))
        yield* flush(store, "order")
        assert.isUndefined(yield* reader.find("order-1", "c"))
        yield* reader.lib.refresh
        assert.deepInclude(yield* reader.find("order-1", "c"), { revision: 2 })
      })
    ))

  test("matches an id only within its stream", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        for (const stream of ["order-1", "order-2", "acc-1"]) {
          assert.isFalse((yield* store.append(stream, [named("a", stream)])).repeated)
        }
        assert.isTrue((yield* store.append("order-2", [named("a", "order-2")])).repeated)
        // Pairs of stream and id whose concatenated texts are the same.
        assert.isFalse((yield* store.append("order-2a", [named("b")])).repeated)
        assert.isFalse((yield* store.append("order-2", [named("ab", "b")])).repeated)
      })
    ))

  test("repeats an append of several streams whole, or refuses it", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const both = [
          { stream: "order-1", events: [named("a")], expected: "no-stream" as const },
          { stream: "acc-1", events: [], expected: "no-stream" as const },
          { stream: "acc-2", events: [named("a"), named("b")] }
        ]
        const first = yield* store.appendAll(both)
        yield* store.append("acc-1", numbered(1))
        const again = yield* store.appendAll(both)
        assert.deepStrictEqual(
          [again[0], again[2]],
          [
            { ...first[0], repeated: true },
            { ...first[2], repeated: true }
          ]
        )
        assert.deepInclude(again[1], { stream: "acc-1", firstRevision: 1, lastRevision: 0, repeated: false })
        const partly = [both[0]!, { stream: "acc-2", events: [named("new")] }]
        const refused = conflict("a", "partly-repeated")
        assert.deepStrictEqual(yield* failing(store.appendAll(partly), refused), refused)
        const twice = [both[2]!, { stream: "acc-2", events: [named("c"), named("b")] }]
        const refusedTwice = conflict("b", "twice-in-one-batch", "acc-2")
        assert.deepStrictEqual(yield* failing(store.appendAll(twice), refusedTwice), refusedTwice)
        const fresh = [1, 2].map(() => ({ stream: "acc-3", events: [named("x")] }))
        const refusedFresh = conflict("x", "twice-in-one-batch", "acc-3")
        assert.deepStrictEqual(yield* failing(store.appendAll(fresh), refusedFresh), refusedFresh)
        assert.strictEqual(yield* store.position, 4)
      })
    ))

  test("recognises a repeat on an archived tape, and refuses new events", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("order-1", [named("a")])
        yield* store.lib.archive("order")
        assert.isTrue((yield* store.append("order-1", [named("a")])).repeated)
        const archived = { _tag: "TapeArchived" }
        assert.deepStrictEqual(yield* failing(store.append("order-1", [named("b")]), archived), archived)
      })
    ))

  test("appends once if the same append is called concurrently, and repeats it for the others", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        for (const stream of ["order-1", "order-1", "acc-1"]) {
          const before = yield* store.position
          const events = [named(`a-${before}`), named(`b-${before}`)]
          const results = yield* Effect.all(
            numbers(30).map(() => store.append(stream, events, { expected: "any" })),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(results.filter(({ repeated }) => !repeated).length, 1)
          for (const result of results) assert.deepInclude(result, { firstPosition: before, lastPosition: before + 1 })
          assert.strictEqual(yield* store.position, before + 2)
        }
      })
    ))

  test("finds a repeat wherever the events have moved", ({ use }) =>
    Effect.gen(function* () {
      const step = (n: number) => [named(`id-${n}`, n), named(`${n}`, n)]
      const repeats = (store: Store) =>
        Effect.gen(function* () {
          for (const n of numbers(300)) {
            const again = yield* store.append("order-1", step(n), { expected: "no-stream" })
            assert.deepInclude(again, { firstRevision: 2 * n, lastRevision: 2 * n + 1, repeated: true })
          }
          const other = conflict("7", "other-content")
          assert.deepStrictEqual(yield* failing(store.append("order-1", [named("7", "x")]), other), other)
          assert.strictEqual(yield* store.position, 600)
        })
      yield* use((store) =>
        Effect.gen(function* () {
          for (const n of numbers(300)) {
            yield* store.append("order-1", step(n))
            if (n === 100 || n === 200) yield* flush(store, "order")
          }
          yield* repeats(store)
          yield* flush(store, "order")
          yield* repeats(store)
        })
      )
      yield* use(repeats)
    }))

  test("fails an append if an index or a segment cannot be read, and never takes the id for absent", ({
    use,
    probe,
    files
  }) =>
    Effect.gen(function* () {
      yield* use((store) => store.append("order-1", [named("a")]))
      yield* files((root) =>
        Effect.gen(function* () {
          const [segment] = yield* root.segments.list("order")
          yield* root.segments.remove("order", segment!)
          yield* IndexFiles.remove(root.derived, "order", segment!)
        })
      )
      yield* use((store) =>
        Effect.gen(function* () {
          const missing = { _tag: "SegmentMissing", tape: "order" }
          for (const events of [[named("a")], [named("b")], numbered(1)]) {
            assert.deepStrictEqual(yield* failing(store.append("order-1", events), missing), missing)
          }
          assert.strictEqual(yield* store.position, 1)
        })
      )
      assert.deepStrictEqual(probe.indexesWritten, ["order/seg-000001.jsonl.idx"])
    }))

  test("makes ids that are ascending UUIDs of version 7", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("order-1", numbered(500))
        const ids = (yield* all(store.readAll())).map(({ id }) => id)
        for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        assert.deepStrictEqual(ids, ids.toSorted())
        assert.strictEqual(new Set(ids).size, 500)
        const again = yield* store.append("order-1", [{ type: "Counted", data: 7, id: ids[7]! }])
        assert.deepInclude(again, { firstRevision: 7, repeated: true })
      })
    ))
}
