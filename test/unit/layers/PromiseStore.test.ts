import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import { Storage } from "litetapes/Storage"
import { assert, describe, it } from "vitest"
import { FaultyDisk } from "../../support/reopening.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const newFolder = temporaryFolder()

const places = [
  { name: "a folder", options: () => ({}) as PromiseStore.Options },
  {
    name: "memory",
    options: () => {
      // One storage for everything that a test opens.
      const storage = Effect.runSync(MemoryStorage.make)
      return { storage: Layer.succeed(Storage, storage) } as PromiseStore.Options
    }
  }
]

const collect = async <A>(values: AsyncIterable<A>): Promise<Array<A>> => {
  const collected: Array<A> = []
  for await (const value of values) collected.push(value)
  return collected
}

const dataOf = async (events: AsyncIterable<{ readonly data: unknown }>) =>
  (await collect(events)).map(({ data }) => data)

/** Returns the error of a rejected promise. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error
  )

const event = (data: number) => ({ type: "Counted", data })

describe.each(places)("a store for callers without Effect, in $name", ({ options }) => {
  it("refuses what it does not take, by its name, and rejects instead of throwing", async () => {
    const location = newFolder()
    const given = (value: unknown) => value as never
    const refused = async (promise: Promise<unknown>, argument: string) =>
      assert.deepInclude(await rejection(promise), { _tag: "InvalidArgument", argument })
    await refused(PromiseStore.open(location, given({ ...options(), storag: 1 })), "options.storag")
    await refused(PromiseStore.open(location, { ...options(), mode: given("append") }), "options.mode")
    await refused(PromiseStore.open(location, given(null)), "options")
    await refused(PromiseStore.open(location, given({ storage: {} })), "options.storage")
    await refused(PromiseStore.open("", options()), "location")
    assert.deepInclude(await rejection(PromiseStore.open(location, { ...options(), create: "never" })), {
      _tag: "LibNotFound",
      location
    })
    await using store = await PromiseStore.open(location, { ...options(), create: "must" })
    const misspelt = given({ expectedRevision: 0 })
    await refused(store.append("order-1", [event(0)], misspelt), "options.expectedRevision")
    await refused(store.append("order-1", [event(0)], given(0)), "options")
    await refused(collect(store.read("order-1", given({ form: 1 }))), "options.form")
    await refused(collect(store.readAll({ filter: given({ type: "A" }) })), "options.filter.type")
    await refused(store.copy("elsewhere", given(null)), "options")
    await refused(store.copy("elsewhere", given({ onProgress: 1 })), "options.onProgress")
    await refused(collect((await store.tape("notes")).records(given({ from: 0.5 }))), "range.from")
    assert.deepInclude(await rejection(store.append("order-1", [given(null)])), { _tag: "InvalidEvent", index: 0 })
    assert.deepInclude(await rejection(store.tape(given(null))), { _tag: "InvalidTapeName" })
    assert.strictEqual(await store.position(), 0)
  })

  it("ends every call that is pending when it closes: acknowledged, or with `LibClosed`", async () => {
    for (const count of [1, 10, 500]) {
      for (const turns of [0, 1, 10, 100]) {
        const location = newFolder()
        const shared = options()
        const store = await PromiseStore.open(location, shared)
        const calls = Array.from({ length: count }, (_, n) =>
          store.append(`order-${n % 7}`, [event(n)]).then(
            () => "ok",
            (error: { readonly _tag?: string }) => error._tag
          )
        )
        for (let turn = 0; turn < turns; turn++) await new Promise((resume) => setImmediate(resume))
        await store.close()
        const ends = await Promise.all(calls)
        for (const end of ends) assert.include(["ok", "LibClosed"], end, `${count} calls, ${turns} turns`)
        await using again = await PromiseStore.open(location, shared)
        assert.strictEqual(await again.position(), ends.filter((end) => end === "ok").length)
      }
    }
  })

  it("appends and reads like the store with Effect", async () => {
    await using store = await PromiseStore.open(newFolder(), options())
    const first = await store.append("order-1", [event(0), event(1)], { expected: "no-stream" })
    assert.deepInclude(first, { firstRevision: 0, lastRevision: 1, repeated: false })
    const both = [
      { stream: "order-1", events: [event(2)], expected: 1 },
      { stream: "acc-1", events: [event(3)] }
    ]
    assert.deepStrictEqual(
      (await store.appendAll(both)).map(({ firstPosition }) => firstPosition),
      [2, 3]
    )
    assert.deepStrictEqual(await dataOf(store.read("order-1")), [0, 1, 2])
    assert.deepStrictEqual(await dataOf(store.read("order-1", { direction: "backward", limit: 2 })), [2, 1])
    assert.deepStrictEqual(await dataOf(store.readAll()), [0, 1, 2, 3])
    assert.deepStrictEqual(await dataOf(store.readAll({ filter: { categories: ["acc"] } })), [3])
    assert.strictEqual(await store.revision("order-1"), 2)
    assert.strictEqual(await store.revision("order-2"), "no-stream")
    assert.strictEqual(await store.position(), 4)
  })

  it("finds events, and does a command once", async () => {
    await using store = await PromiseStore.open(newFolder(), options())
    const commandId = "request-1"
    assert.isUndefined(await store.findCommand("order-1", commandId))
    const first = await store.append("order-1", [event(0), event(1)], { commandId })
    const again = { ...first, repeated: true }
    assert.deepStrictEqual(await store.findCommand("order-1", commandId), again)
    assert.deepStrictEqual(await store.append("order-1", [event(0), event(1)], { commandId }), again)
    const appends = [{ stream: "order-1", events: [event(0)] }]
    assert.deepStrictEqual(await store.appendAll(appends, { commandId, correlationId: "other" }), [again])
    await store.append("order-1", [{ ...event(2), id: "two" }])
    assert.deepInclude(await store.find("order-1", "two"), { data: 2, revision: 2 })
    assert.isUndefined(await store.find("order-2", "two"))
  })

  it("queries, and appends on condition of a query", async () => {
    await using store = await PromiseStore.open(newFolder(), options())
    const query = [{ tags: ["mail:ada"] }]
    const { boundary, events } = await store.query(query, { signal: new AbortController().signal })
    assert.deepStrictEqual([events, boundary.position], [[], 0])
    const after = PromiseStore.Boundary.decode(boundary.encode())
    const condition = { failIfEventsMatch: query, after }
    const taken = [{ ...event(0), tags: ["mail:ada"] }]
    await store.append("user-1", taken, { condition })
    const failed = { _tag: "ConditionFailed", stream: "user-1", position: 0 }
    assert.deepInclude(await rejection(store.append("user-2", taken, { condition })), failed)
    const all = [{ stream: "user-2", events: taken, condition }]
    assert.deepInclude(await rejection(store.appendAll(all)), { ...failed, index: 0 })
  })

  it("copies its lib to another placement", async () => {
    const shared = options()
    const [at, to] = [newFolder(), newFolder()]
    {
      await using store = await PromiseStore.open(at, shared)
      await store.append("order-1", [event(0), event(1)])
      await store.append("customer", [event(2)])
      const told: Array<number> = []
      const report = await store.copy(to, {
        placement: { kind: "single" },
        onProgress: ({ done }) => void told.push(done.records)
      })
      assert.deepInclude(report, { events: 3, tapes: 1, left: [] })
      assert.strictEqual(told.at(-1), 6)
      assert.deepInclude(await rejection(store.copy(to)), { _tag: "LibInvalid" })
    }
    await using copy = await PromiseStore.open(to, { ...shared, placement: { kind: "single" } })
    assert.deepStrictEqual(await dataOf(copy.readAll()), [0, 1, 2])
    assert.strictEqual(await copy.revision("order-1"), 1)
  })

  it("reads the same events again, and stops when its reader stops", async () => {
    await using store = await PromiseStore.open(newFolder(), options())
    const many = Array.from({ length: 3000 }, (_, n) => event(n))
    await store.append("order-1", many)
    const events = store.read("order-1")
    for (const _ of [1, 2]) {
      const seen: Array<unknown> = []
      for await (const { data } of events) {
        seen.push(data)
        if (seen.length === 700) break
      }
      assert.deepStrictEqual(
        seen,
        many.slice(0, 700).map(({ data }) => data)
      )
    }
    assert.strictEqual((await collect(store.readAll())).length, 3000)
  })

  it("throws the original errors, with their tags", async () => {
    await using store = await PromiseStore.open(newFolder(), options())
    await store.append("order-1", [event(0)])
    const conflict = await rejection(store.append("order-1", [event(1)], { expected: "no-stream" }))
    assert.isTrue(conflict instanceof Error)
    const fields: object = { _tag: "WrongExpectedRevision", stream: "order-1", expected: "no-stream", actual: 0 }
    assert.deepInclude(conflict, fields)
    const named = { type: "A", id: "a" }
    assert.deepInclude(await rejection(store.append("order-1", [named, named])), { _tag: "EventIdConflict" })
    assert.deepInclude(await rejection(store.append("", [])), { _tag: "InvalidStreamName" })
    assert.deepInclude(await rejection(store.appendAll([{ stream: "a\n", events: [] }])), { _tag: "InvalidStreamName" })
    assert.deepInclude(await rejection(collect(store.read("\ud800"))), { _tag: "InvalidStreamName" })
    assert.deepInclude(await rejection(store.revision("")), { _tag: "InvalidStreamName" })
    assert.deepInclude(await rejection(store.tape("../x")), { _tag: "InvalidTapeName" })
    const tape = await store.tape("order")
    assert.deepInclude(await rejection(tape.append([{ a: 1 }])), { _tag: "TapeOwned", tape: "order" })
  })

  it("has tapes of records too", async () => {
    await using store = await PromiseStore.open(newFolder(), options())
    const tape = await store.tape("readings")
    assert.deepInclude(await tape.append([{ n: 0 }, { n: 1 }]), { firstOrdinal: 0, records: 2 })
    const again = await store.tape("readings")
    assert.strictEqual(again.id, tape.id)
    assert.strictEqual(again.name, "readings")
    await again.append([{ n: 2 }])
    assert.strictEqual(await tape.size(), 3)
    assert.deepStrictEqual(await collect(tape.records()), [{ n: 0 }, { n: 1 }, { n: 2 }])
    assert.deepStrictEqual(await collect(tape.records({ from: 1, reverse: true })), [{ n: 2 }, { n: 1 }])
    assert.deepStrictEqual(await collect(store.readAll()), [])
  })

  it("can be opened by one caller at a time, and again after it was closed", async () => {
    const location = newFolder()
    const shared = options()
    const store = await PromiseStore.open(location, shared)
    await store.append("order-1", [event(0)])
    for (const _ of [1, 2]) {
      assert.deepInclude(await rejection(PromiseStore.open(location, shared)), { _tag: "LibLocked", location })
    }
    const reader = await PromiseStore.open(location, { ...shared, mode: "read" })
    assert.deepStrictEqual(await dataOf(reader.readAll()), [0])
    assert.deepInclude(await rejection(reader.append("order-1", [event(1)])), { _tag: "ReadOnly" })
    await reader.close()
    await store.append("order-1", [event(1)])
    await store.close()
    {
      await using again = await PromiseStore.open(location, shared)
      await again.append("order-1", [event(2)], { expected: 1 })
    }
    await using last = await PromiseStore.open(location, shared)
    assert.deepStrictEqual(await dataOf(last.read("order-1")), [0, 1, 2])
  })

  it("may be closed twice, and does nothing afterwards", async () => {
    const location = newFolder()
    const shared = options()
    const store = await PromiseStore.open(location, shared)
    await store.append("order-1", [event(0)])
    await store.close()
    await store.close()
    await store[Symbol.asyncDispose]()
    for (const late of [store.append("order-1", [event(1)]), collect(store.readAll()), store.position()]) {
      assert.deepInclude(await rejection(late), { _tag: "LibClosed", location })
    }
    await using again = await PromiseStore.open(location, shared)
    assert.deepStrictEqual(await dataOf(again.readAll()), [0])
  })

  it("frees its place if it cannot be opened", async () => {
    const location = newFolder()
    const shared = options()
    await (await PromiseStore.open(location, { ...shared, placement: { kind: "single" } })).close()
    const other = PromiseStore.open(location, { ...shared, placement: { kind: "stream" } })
    assert.deepInclude(await rejection(other), { _tag: "SettingsMismatch", setting: "placement" })
    await using store = await PromiseStore.open(location, shared)
    assert.strictEqual(await store.position(), 0)
  })
})

describe("a store without Effect whose writer has stopped", () => {
  for (const isAutomatic of [true, false]) {
    it(`continues with its tapes after ${isAutomatic ? "it opened itself again" : "`reopen`"}`, async () => {
      const disk = new FaultyDisk()
      const quiet = Logger.layer([])
      const storage = Layer.provideMerge(disk.storage, quiet)
      await using store = await PromiseStore.open("/lib", { storage, reopen: isAutomatic })
      const notes = await store.tape("notes")
      await notes.append([{ n: 0 }])
      await store.append("order-1", [event(0)])
      disk.failBatch()
      const paid = [{ ...event(1), id: "paid" }]
      assert.deepInclude(await rejection(store.append("order-1", paid)), { _tag: "CommitOutcomeUnknown" })
      if (!isAutomatic) {
        assert.deepInclude(await rejection(store.append("order-1", paid)), { _tag: "WriterPoisoned" })
        await store.reopen()
      }
      assert.strictEqual((await store.append("order-1", paid)).lastRevision, 1)
      await notes.append([{ n: 1 }])
      assert.strictEqual(await notes.size(), 2)
      assert.deepStrictEqual(await collect(notes.records()), [{ n: 0 }, { n: 1 }])
      assert.deepStrictEqual(await dataOf(store.readAll()), [0, 1])
      await store.close()
      assert.deepInclude(await rejection(store.reopen()), { _tag: "LibClosed" })
      assert.isFalse(disk.isLocked)
    })
  }
})
