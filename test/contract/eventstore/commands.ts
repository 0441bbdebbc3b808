/** Commands: their events have ids derived from the `commandId`, so a retried command is recognised and done once. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { EventAppendError, FindCommandError, NewEvent, StreamAppend } from "litetapes/EventStore"
import { idOfCommand } from "../../support/commandId.ts"
import { all, type Contract, failing, flush, numbered, numbers, type Store, tapeOf } from "./support.ts"

const event = (data: unknown): NewEvent => ({ type: "Done", data })
const events = (count: number) => numbers(count).map(event)

const conflict = (stream: string, id: string, why: string, commandId = "c") => ({
  _tag: "EventIdConflict",
  stream,
  id,
  why,
  commandId
})

export const commandContract: Contract = (test) => {
  test("derives the ids of a command's events, and finds its first result by them", ({ use, open }) =>
    use((store) =>
      Effect.gen(function* () {
        assert.isUndefined(yield* store.findCommand("order-1", "c"))
        // Commands of more events than are read at once, after and before other events.
        for (const count of [1, 3, 4, 5, 12, 13, 40]) {
          yield* store.append("order-1", numbered(1))
          const commandId = `c-${count}`
          const first = yield* store.append("order-1", events(count), { commandId })
          assert.isFalse(first.repeated)
          assert.strictEqual(first.lastRevision - first.firstRevision, count - 1)
          const ids = (yield* all(store.read("order-1", { from: first.firstRevision }))).map(({ id }) => id)
          assert.deepStrictEqual(
            ids,
            numbers(count).map((n) => idOfCommand("order-1", commandId, n))
          )
          const again = { ...first, repeated: true }
          assert.deepStrictEqual(yield* store.findCommand("order-1", commandId), again)
          const retry = { commandId, expected: "no-stream", correlationId: "another request" } as const
          assert.deepStrictEqual(yield* store.append("order-1", events(count), retry), again)
          yield* store.append("order-1", numbered(1))
          assert.deepStrictEqual(yield* store.findCommand("order-1", commandId), again)
          const reader = yield* open({ mode: "read" })
          assert.deepStrictEqual(yield* reader.findCommand("order-1", commandId), again)
        }
        assert.isUndefined(yield* store.findCommand("order-2", "c-1"))
        assert.isUndefined(yield* store.findCommand("nobody", "c-1"))
      })
    ))

  test("returns the whole first result to a retry with fewer events, and refuses more, others and own ids", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const first = yield* store.append("order-1", events(3), { commandId: "c" })
        for (const count of [0, 1, 2]) {
          const again = yield* store.append("order-1", events(count), { commandId: "c", expected: "no-stream" })
          assert.deepStrictEqual(again, { ...first, repeated: true })
        }
        const id = (n: number) => idOfCommand("order-1", "c", n)
        const refusals: ReadonlyArray<readonly [ReadonlyArray<NewEvent>, ReturnType<typeof conflict>]> = [
          [events(4), conflict("order-1", id(0), "partly-repeated")],
          [[event(0), event("other")], conflict("order-1", id(1), "other-content")],
          [[{ ...event(0), type: "Other" }], conflict("order-1", id(0), "other-content")]
        ]
        for (const [wrong, refused] of refusals) {
          assert.deepStrictEqual(yield* failing(store.append("order-1", wrong, { commandId: "c" }), refused), refused)
        }
        const invalid = { _tag: "InvalidEvent", stream: "order-1", index: 1 }
        const own = store.append("order-1", [event(0), { ...event(1), id: "mine" }], { commandId: "d" })
        assert.deepStrictEqual(yield* failing(own, invalid), invalid)
        // An event that was read comes with its id.
        const same = (yield* all(store.read("order-1"))).map(({ data, id, type }) => ({ data, id, type }))
        assert.isTrue((yield* store.append("order-1", same, { commandId: "c" })).repeated)
        assert.strictEqual(yield* store.position, 3)
      })
    ))

  test("does not know a command that made no events, or events of another stream", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        yield* store.append("order-1", numbered(2))
        const none = yield* store.append("order-1", [], { commandId: "c", expected: 1 })
        assert.deepInclude(none, { firstRevision: 2, lastRevision: 1, repeated: false })
        assert.isUndefined(yield* store.findCommand("order-1", "c"))
        const wrong = { _tag: "WrongExpectedRevision", actual: 1 }
        const refused = store.append("order-1", [], { commandId: "c", expected: "no-stream" })
        assert.deepStrictEqual(yield* failing(refused, wrong), wrong)
        for (const stream of ["order-1", "order-2", "order-1\u00e9", "acc-1"]) {
          assert.isFalse((yield* store.append(stream, events(2), { commandId: "c" })).repeated)
        }
        const ids = new Set((yield* all(store.readAll())).map(({ id }) => id))
        assert.strictEqual(ids.size, 10)
      })
    ))

  test("refuses a commandId that is not an id", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const invalid = { _tag: "InvalidEvent", stream: "order-1", index: 0 }
        for (const commandId of ["", "x".repeat(257), "a\udc00", 7, null, {}] as ReadonlyArray<string>) {
          const calls: ReadonlyArray<Effect.Effect<unknown, EventAppendError | FindCommandError>> = [
            store.append("order-1", events(1), { commandId }),
            store.append("order-1", [], { commandId }),
            store.appendAll([{ stream: "order-1", events: events(1) }], { commandId }),
            store.findCommand("order-1", commandId)
          ]
          for (const call of calls) {
            assert.deepStrictEqual(yield* failing(call, invalid), invalid)
          }
        }
        const commandId = undefined as unknown as string
        const unset: ReadonlyArray<Effect.Effect<unknown, EventAppendError>> = [
          store.append("order-1", events(1), { commandId }),
          store.appendAll([{ stream: "order-1", events: events(1) }], { commandId })
        ]
        for (const call of unset) {
          assert.match(String(yield* Effect.exit(call)), /options\.commandId must not be undefined: leave the key out/)
        }
        assert.strictEqual(yield* store.position, 0)
      })
    ))

  test("repeats a command over several streams whole, each with its first result", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        const commandId = "transfer"
        const appends: ReadonlyArray<StreamAppend> = [
          { stream: "acc-1", events: events(2) },
          { stream: "acc-2", events: [] },
          { stream: "acc-3", events: events(1), expected: "no-stream" },
          // The second entry of a stream continues its events.
          { stream: "acc-1", events: events(2) }
        ]
        const first = yield* store.appendAll(appends, { commandId })
        const read = yield* all(store.read("acc-1"))
        assert.deepStrictEqual(
          read.map(({ id }) => id),
          numbers(4).map((n) => idOfCommand("acc-1", commandId, n))
        )
        const again = yield* store.appendAll(appends, { commandId })
        assert.deepStrictEqual(
          again,
          first.map((result, n) => ({ ...result, repeated: n !== 1 }))
        )
        // Fewer events: the last entry of a stream has what the command made beyond them.
        const fewer = yield* store
          .appendAll(
            [
              { stream: "acc-1", events: events(1) },
              { stream: "acc-1", events: [] },
              { stream: "acc-3", events: [] }
            ],
            { commandId }
          )
          .pipe(
            Effect.map((results) =>
              results.map(({ firstRevision, lastRevision, repeated }) => [firstRevision, lastRevision, repeated])
            )
          )
        assert.deepStrictEqual(fewer, [
          [0, 3, true],
          [1, 3, true],
          [0, 0, true]
        ])
        const result = yield* store.findCommand("acc-1", commandId)
        assert.deepInclude(result, { firstRevision: 0, lastRevision: 3, repeated: true })
        const partly = conflict("acc-1", idOfCommand("acc-1", commandId, 0), "partly-repeated", commandId)
        for (const stream of ["acc-1", "acc-4"]) {
          const mixed = [
            { stream: "acc-1", events: stream === "acc-1" ? [...events(2), ...events(3)] : [] },
            { stream: "acc-4", events: events(1) }
          ]
          assert.deepStrictEqual(yield* failing(store.appendAll(mixed, { commandId }), partly), partly)
        }
        assert.strictEqual(yield* store.position, 5)
      })
    ))

  test("does a command once if it is called concurrently, whatever number of events each call decided on", ({ use }) =>
    use((store) =>
      Effect.gen(function* () {
        for (const stream of ["order-1", "order-1", "acc-1"]) {
          const before = yield* store.position
          const commandId = `c-${before}`
          const results = yield* Effect.all(
            numbers(30).map((n) => Effect.exit(store.append(stream, events(n % 3), { commandId }))),
            { concurrency: "unbounded" }
          )
          const made = (yield* store.findCommand(stream, commandId))!
          assert.strictEqual(yield* store.position, made.lastPosition + 1)
          assert.strictEqual(made.firstPosition, before)
          const appended = results.filter(
            (exit) => exit._tag === "Success" && !exit.value.repeated && exit.value.firstPosition !== -1
          )
          assert.strictEqual(appended.length, 1)
          for (const exit of results) {
            if (exit._tag === "Success" && exit.value.repeated) assert.deepStrictEqual(exit.value, made)
          }
        }
      })
    ))

  test("reads no more for a new command than for its ids, and no more for a retry than for one more id", ({
    use,
    probe
  }) =>
    use((store) =>
      Effect.gen(function* () {
        // Segments with so many events that their indexes are not kept in memory.
        for (const n of numbers(4)) {
          yield* store.append("order-1", numbered(3000, n))
          yield* flush(store, "order")
        }
        const readsOf = <A, E>(call: Effect.Effect<A, E>) =>
          Effect.suspend(() => {
            probe.reads = []
            return Effect.map(call, () => probe.reads.length)
          })
        const readsOfIds = (count: number, commandId: string) =>
          Effect.map(
            Effect.forEach(numbers(count), (n) => readsOf(store.find("order-1", idOfCommand("order-1", commandId, n)))),
            (reads) => reads.reduce((sum, one) => sum + one, 0)
          )
        // The first look-up reads the headers of the indexes too.
        yield* store.find("order-1", "none")
        const absent = yield* readsOfIds(3, "c")
        assert.isAbove(absent, 3)
        assert.strictEqual(yield* readsOf(store.findCommand("order-1", "c")), yield* readsOfIds(1, "c"))
        assert.strictEqual(yield* readsOf(store.append("order-1", events(3), { commandId: "c" })), absent)
        // A retry looks for what the command made after these events, too.
        const again = yield* readsOf(store.append("order-1", events(3), { commandId: "c" }))
        assert.strictEqual(again, yield* readsOfIds(4, "c"))
      })
    ))

  test("knows a command wherever its events have moved, after restarts, repacks and a kill", ({ use, probe }) =>
    Effect.gen(function* () {
      const count = 60
      const check = (store: Store) =>
        Effect.gen(function* () {
          for (const n of numbers(count)) {
            const commandId = `c-${n}`
            const found = yield* store.findCommand("order-1", commandId)
            assert.deepInclude(found, { firstRevision: 2 * n, lastRevision: 2 * n + 1, repeated: true })
            assert.deepStrictEqual(yield* store.append("order-1", [event(n), event(-n - 1)], { commandId }), found)
            const id = idOfCommand("order-1", commandId, 1)
            assert.deepInclude(yield* store.find("order-1", id), { id, revision: 2 * n + 1, data: -n - 1 })
          }
          assert.isUndefined(yield* store.find("order-1", "none"))
          assert.isUndefined(yield* store.findCommand("order-1", "none"))
          assert.strictEqual(yield* store.position, 2 * count)
        })
      const repack = (store: Store) =>
        Effect.flatMap(tapeOf(store, "order"), (tape) => tape.repack({ targetBytes: 900, compression: "gzip" }))
      const killed = (store: Store) => Effect.sync(() => (probe.broken = true)).pipe(Effect.as(store))
      yield* use((store) =>
        Effect.gen(function* () {
          for (const n of numbers(count)) {
            yield* store.append("order-1", [event(n), event(-n - 1)], { commandId: `c-${n}` })
            if (n === 20 || n === 40) yield* flush(store, "order")
          }
          yield* check(store)
          yield* killed(store)
        })
      ).pipe(Effect.ensuring(Effect.sync(() => (probe.broken = false))))
      yield* use((store) => Effect.andThen(check(store), Effect.andThen(repack(store), check(store))))
      yield* use(check)
    }))
}
