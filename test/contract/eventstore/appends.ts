/** Appending: revisions, positions, and the expected revision of a stream. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as EventStore from "litetapes/EventStore"
import { all, type Contract, dataOf, failing, flush, numbered, numbers, tapeNames } from "./support.ts"

export const appendContract: Contract = (test) => {
  test("gives appended events revisions in the stream and positions in the lib, from 0", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const result = (stream: string, firstRevision: number, firstPosition: number) => ({
          stream,
          firstRevision,
          lastRevision: firstRevision + 1,
          firstPosition,
          lastPosition: firstPosition + 1,
          repeated: false
        })
        assert.deepStrictEqual(yield* store.append("order-1", numbered(2)), result("order-1", 0, 0))
        assert.deepStrictEqual(yield* store.append("order-2", numbered(2)), result("order-2", 0, 2))
        assert.deepStrictEqual(yield* store.append("order-1", numbered(2)), result("order-1", 2, 4))
        assert.strictEqual(yield* store.position, 6)
        assert.strictEqual(yield* store.revision("order-1"), 3)
      })
    ))

  test("answers an append without events with the end of the stream, and writes nothing", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const nothing = { stream: "order-1", firstPosition: -1, lastPosition: -1, repeated: false }
        assert.deepStrictEqual(yield* store.append("order-1", []), { ...nothing, firstRevision: 0, lastRevision: -1 })
        yield* store.append("order-1", numbered(3))
        assert.deepStrictEqual(yield* store.append("order-1", []), { ...nothing, firstRevision: 3, lastRevision: 2 })
        assert.deepStrictEqual(yield* store.appendAll([]), [])
        assert.strictEqual(yield* store.position, 3)
      })
    ))

  test("stores and returns the whole event", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const event = {
          type: 'Plac"ed \u2028 変更',
          data: { b: [1, null, true, 1.5e300], a: { ключ: "☃\u0000" } },
          id: "id-\u00e9 \\",
          metadata: { correlationId: "c", extra: { deep: [{}] } },
          tags: ["vip", "été"]
        }
        yield* store.append("Zahlung-ä\u0301/..\\:☃", [event, { type: "Bare" }])
        for (const read of [all(store.readAll()), all(store.read("Zahlung-ä\u0301/..\\:☃"))]) {
          const [first, second] = yield* read
          const { time, ...stored } = first!
          assert.deepStrictEqual(stored, { ...event, stream: "Zahlung-ä\u0301/..\\:☃", revision: 0, position: 0 })
          assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
          assert.deepInclude(second, { type: "Bare", data: null, metadata: {}, tags: [], revision: 1 })
        }
      })
    ))

  test("keeps streams apart if their names differ only in bytes", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const names = ["é-1", "e\u0301-1", "É-1", "-1", "1", "litelib.meta-1", "con-1", "a/../b-1", "x".repeat(512)]
        for (const [n, name] of names.entries()) {
          yield* store.append(name, [{ type: "Named", data: n }], { expected: "no-stream" })
        }
        for (const [n, name] of names.entries()) assert.deepStrictEqual(yield* dataOf(store.read(name)), [n])
        assert.deepStrictEqual(yield* dataOf(store.readAll()), numbers(names.length))
      })
    ))

  test("fails with stream, expected and actual revision if the stream is at another revision", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("order-1", numbered(3))
        for (const [stream, expected, actual] of [
          ["order-1", "no-stream", 2],
          ["order-1", 0, 2],
          ["order-1", 3, 2],
          ["order-1", Number.MAX_SAFE_INTEGER, 2],
          ["order-2", "stream-exists", "no-stream"],
          ["order-2", 0, "no-stream"]
        ] as const) {
          const conflict = { _tag: "WrongExpectedRevision", stream, expected, actual }
          assert.deepStrictEqual(yield* failing(store.append(stream, numbered(1), { expected }), conflict), conflict)
        }
        yield* store.append("order-1", numbered(1, 3), { expected: 2 })
        yield* store.append("order-1", numbered(1, 4), { expected: "stream-exists" })
        yield* store.append("order-1", numbered(1, 5), { expected: "any" })
        yield* store.append("order-2", numbered(1, 6), { expected: "no-stream" })
        assert.deepStrictEqual(yield* dataOf(store.readAll()), numbers(7))
      })
    ))

  test("refuses an expectation that is not a revision, which no retry could meet, and keeps working", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("order-1", numbered(1))
        for (const given of [
          -1,
          0.5,
          Number.NaN,
          Number.POSITIVE_INFINITY,
          2 ** 53,
          0n,
          "latest",
          "0",
          null,
          undefined
        ]) {
          const expected = given as "any"
          const refused = { _tag: "InvalidArgument", call: "EventStore.append", argument: "options.expected" }
          assert.deepStrictEqual(yield* failing(store.append("order-1", numbered(1), { expected }), refused), refused)
          const all = { ...refused, call: "EventStore.appendAll", argument: "appends[0].expected" }
          const appends = [{ stream: "order-1", events: numbered(1), expected }]
          assert.deepStrictEqual(yield* failing(store.appendAll(appends), all), all)
        }
        const { lastRevision } = yield* store.append("order-2", [])
        assert.strictEqual(lastRevision, -1)
        yield* store.append("order-2", numbered(1, 1), { expected: "no-stream" })
        assert.deepStrictEqual(yield* dataOf(store.readAll()), [0, 1])
      })
    ))

  test("commits an append of several streams as one batch, or not at all", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("order-1", numbered(1))
        const results = yield* store.appendAll([
          { stream: "acc-1", events: numbered(2, 1), expected: "no-stream" },
          { stream: "order-1", events: [], expected: 0 },
          { stream: "order-2", events: numbered(1, 3) },
          { stream: "acc-1", events: numbered(1, 4), expected: 1 }
        ])
        assert.deepStrictEqual(
          results.map(({ firstRevision, lastRevision, firstPosition }) => [firstRevision, lastRevision, firstPosition]),
          [
            [0, 1, 1],
            [1, 0, -1],
            [0, 0, 3],
            [2, 2, 4]
          ]
        )
        const conflict = { _tag: "WrongExpectedRevision", stream: "order-1", expected: "no-stream", actual: 0 }
        const failed = store.appendAll([
          { stream: "acc-2", events: numbered(2, 90) },
          { stream: "order-1", events: [], expected: "no-stream" }
        ])
        assert.deepStrictEqual(yield* failing(failed, conflict), conflict)
        assert.deepStrictEqual(yield* dataOf(store.readAll()), numbers(5))
        assert.deepStrictEqual(yield* dataOf(store.read("acc-1")), [1, 2, 4])
        assert.deepStrictEqual(yield* dataOf(store.read("acc-2")), [])
        assert.strictEqual(yield* store.revision("acc-2"), "no-stream")
      })
    ))

  test("gives concurrent appends positions in the order of the calls", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const streams = ["order-1", "acc-1", "order-2", "acc-2"]
        for (const stream of streams) yield* store.append(stream, numbered(1, -1))
        const results = yield* Effect.all(
          numbers(200).map((n) => store.append(streams[n % 4]!, numbered(1, n))),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          results.map(({ firstPosition }) => firstPosition),
          numbers(200, 4)
        )
        assert.deepStrictEqual(yield* dataOf(store.readAll({ from: 4 })), numbers(200))
      })
    ))

  test("accepts one of several concurrent appends with the same expected revision", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const tries = yield* Effect.all(
          numbers(20).map((n) => Effect.exit(store.append("order-1", numbered(1, n), { expected: "no-stream" }))),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(tries.filter(({ _tag }) => _tag === "Success").length, 1)
        assert.strictEqual(yield* store.position, 1)
        const events = Array.from({ length: 20 }, () => numbered(1))
        const last = yield* Effect.all(
          events.map((event) => Effect.exit(store.append("order-1", event, { expected: 0 }))),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(last.filter(({ _tag }) => _tag === "Success").length, 1)
        assert.strictEqual(yield* store.revision("order-1"), 1)
      })
    ))

  test("adds correlation and causation ids to events that lack them", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("order-1", [{ type: "A" }], { correlationId: "c" })
        const [first] = yield* all(store.read("order-1"))
        assert.deepStrictEqual(first!.metadata, { correlationId: "c" })
        const own = { type: "B", metadata: { correlationId: "own", more: 1 } }
        yield* store.appendAll([{ stream: "acc-1", events: [{ type: "B" }, own] }], EventStore.causedBy(first!))
        assert.deepStrictEqual(
          (yield* all(store.read("acc-1"))).map(({ metadata }) => metadata),
          [
            { causationId: first!.id, correlationId: "c" },
            { causationId: first!.id, correlationId: "own", more: 1 }
          ]
        )
        yield* store.append("order-2", [{ type: "A" }])
        const [bare] = yield* all(store.read("order-2"))
        assert.deepStrictEqual(EventStore.causedBy(bare!), { correlationId: bare!.id, causationId: bare!.id })
      })
    ))

  test("copies its arguments on the call, so the caller may reuse the arrays", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const batch: Array<EventStore.StreamAppend> = [{ stream: "a-1", events: numbered(1) }]
        batch.push({
          stream: "b-1",
          get events() {
            batch[0] = { stream: "c-1", events: numbered(1, 10) }
            batch.push({ stream: "d-1", events: numbered(1, 11) })
            batch.length = 2
            return numbered(1, 1)
          }
        })
        const running = yield* Effect.forkChild(store.appendAll(batch))
        yield* Effect.yieldNow
        batch.splice(0, 2, { stream: "e-1", events: numbered(1, 12) })
        const results = yield* Fiber.join(running)
        assert.deepStrictEqual(
          results.map(({ stream }) => stream),
          ["a-1", "b-1"]
        )
        const stored = yield* all(store.readAll())
        assert.deepStrictEqual(
          stored.map(({ data, revision, stream }) => ({ data, revision, stream })),
          [
            { data: 0, revision: 0, stream: "a-1" },
            { data: 1, revision: 0, stream: "b-1" }
          ]
        )
      })
    ))

  test("reads each property of an event once, so that it stores what it checked", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const reads: Array<string> = []
        const other = { id: "\ud800", metadata: [1], tags: [2], type: "LiteLib.Commit", data: undefined }
        const good = { id: "one", metadata: { m: 1 }, tags: ["t"], type: "Shifty", data: 1 }
        const event: EventStore.NewEvent = new Proxy(good, {
          get: (target, key) => {
            const again = reads.includes(String(key))
            reads.push(String(key))
            return Reflect.get(again ? other : target, key) as unknown
          }
        })
        yield* store.append("a-1", [event])
        const [stored] = yield* all(store.read("a-1"))
        assert.deepInclude(stored, good)
        assert.deepStrictEqual(reads.toSorted(), Object.keys(good).toSorted())
      })
    ))

  test("refuses metadata of the wrong kind, with or without ids to add", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const accessor = Object.defineProperty({}, "a", { enumerable: true, get: () => 1 })
        for (const metadata of ["abc", [1, 2], new Date(0), null, new Proxy({}, {}), accessor]) {
          const events = [{ type: "A", metadata: metadata as {} }]
          for (const options of [{}, { correlationId: "c" }, { causationId: "c" }]) {
            assert.strictEqual((yield* Effect.exit(store.append("a-1", events, options)))._tag, "Failure")
          }
        }
        assert.strictEqual(yield* store.position, 0)
      })
    ))

  test("treats an append as a value: each run appends again", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const append = store.append("a-1", numbered(2))
        const results = yield* Effect.all([append, append, append], { concurrency: 2 })
        const firsts = results.map(({ firstRevision }) => firstRevision)
        assert.deepStrictEqual(
          firsts.toSorted((a, b) => a - b),
          [0, 2, 4]
        )
        const stored = yield* all(store.read("a-1"))
        assert.strictEqual(new Set(stored.map(({ id }) => id)).size, 6)
      })
    ))

  test("refuses appends to an archived tape until it is activated, but checks conditions on it", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("order-1", numbered(1))
        yield* flush(store, "order")
        yield* store.lib.archive("order")
        const archived = { _tag: "TapeArchived", tape: "order" }
        assert.deepStrictEqual(yield* failing(store.append("order-1", numbered(1)), archived), archived)
        assert.deepStrictEqual(yield* failing(store.append("order-2", numbered(1)), archived), archived)
        yield* store.appendAll([
          { stream: "order-1", events: [], expected: 0 },
          { stream: "acc-1", events: numbered(1, 1) }
        ])
        yield* store.lib.activate("order")
        yield* store.append("order-1", numbered(1, 2), { expected: 0 })
        assert.deepStrictEqual(yield* dataOf(store.readAll()), numbers(3))
        assert.deepStrictEqual(yield* tapeNames(store), ["acc", "order"])
      })
    ))
}
