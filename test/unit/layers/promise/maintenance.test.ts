/** What the promise face offers beyond events: readers, maintenance, tapes, proofs and categories with their types. */
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeStorage from "litetapes/NodeStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import * as Proof from "litetapes/Proof"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, expectTypeOf, it } from "vitest"
import { temporaryFolder } from "../../../support/temporaryFolder.ts"

const newFolder = temporaryFolder()

const places = [
  { name: "a folder", makeStorage: () => NodeStorage.layer },
  { name: "memory", makeStorage: () => MemoryStorage.makeShared().layer }
]

const collect = async <A>(values: AsyncIterable<A>): Promise<Array<A>> => {
  const collected: Array<A> = []
  for await (const value of values) collected.push(value)
  return collected
}

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error
  )

const event = (data: number) => ({ type: "Counted", data })
const dataOf = async (events: AsyncIterable<{ readonly data: unknown }>) =>
  (await collect(events)).map(({ data }) => data)

const Account = Category.make("account", {
  Opened: Schema.Struct({ owner: Schema.String }),
  Deposited: Schema.Struct({ cents: Schema.Int })
})

describe.each(places)("the promise face, in $name,", ({ makeStorage }) => {
  it("has readers that see more after `refresh`", async () => {
    const [location, storage] = [newFolder(), makeStorage()]
    await using store = await PromiseStore.open(location, { storage })
    await store.append("order-1", [event(0)])
    await using reader = await PromiseStore.open(location, { storage, mode: "read" })
    const tape = await reader.tape("order")
    await store.append("order-1", [event(1)])
    assert.deepStrictEqual(await dataOf(reader.readAll()), [0])
    await reader.refresh()
    assert.deepStrictEqual(await dataOf(reader.readAll()), [0, 1])
    assert.strictEqual(await tape.size(), 2)
    assert.deepStrictEqual([store.mode, reader.mode], ["write", "read"])
    assert.deepStrictEqual([reader.id, reader.lineage], [store.id, store.lineage])
    assert.deepStrictEqual(await reader.durable(), { batch: 2, position: 2 })
    await store.refresh()
  })

  it("sets the correlation of all events of one call", async () => {
    await using store = await PromiseStore.open(newFolder(), { storage: makeStorage() })
    const both = [
      { stream: "order-1", events: [event(0)] },
      { stream: "order-2", events: [event(1)] }
    ]
    await store.appendAll(both, { correlationId: "checkout", causationId: "click" })
    await store.append("order-1", [event(2)], { correlationId: "other" })
    const found = await collect(store.readAll({ filter: { correlationId: "checkout" } }))
    assert.deepStrictEqual(
      found.map(({ data, metadata }) => [data, metadata]),
      [
        [0, { correlationId: "checkout", causationId: "click" }],
        [1, { correlationId: "checkout", causationId: "click" }]
      ]
    )
  })

  it("has categories with their types", async () => {
    await using store = await PromiseStore.open(newFolder(), { storage: makeStorage() })
    const accounts = store.category(Account)
    assert.strictEqual(accounts.stream("17"), "account-17")
    const opened = await accounts.append("17", [{ type: "Opened", data: { owner: "Ada" } }], { expected: "no-stream" })
    await accounts.append("17", [{ type: "Deposited", data: { cents: 500 } }], { expected: opened.lastRevision })
    await accounts.append("18", [{ type: "Deposited", data: { cents: 7 } }])
    let cents = 0
    for await (const { data, type } of accounts.read("17")) {
      if (type !== "Deposited") continue
      expectTypeOf(data.cents).toEqualTypeOf<number>()
      cents += data.cents
    }
    assert.strictEqual(cents, 500)
    assert.deepStrictEqual(
      (await collect(accounts.readAll({ direction: "backward" }))).map(({ stream }) => stream),
      ["account-18", "account-17", "account-17"]
    )
    // @ts-expect-error: the type of the data does not fit
    const wrong = accounts.append("17", [{ type: "Deposited", data: { cents: "5" } }])
    assert.deepInclude(await rejection(wrong), { _tag: "EventSchemaError", type: "Deposited" })
    assert.deepInclude(await rejection(collect(accounts.read("\ud800"))), { _tag: "InvalidStreamName" })
  })

  it("verifies, backs up, restores and copies", async () => {
    const [location, storage] = [newFolder(), makeStorage()]
    const [backup, restored] = [newFolder(), newFolder()]
    {
      await using store = await PromiseStore.open(location, { storage })
      await store.append("order-1", [event(0), event(1), event(2)])
      const notes = await store.tape("notes")
      await store.commit([{ tape: "notes", records: [{ n: 0 }] }])
      await notes.appendSegment()
      const progress: Array<PromiseStore.Progress> = []
      assert.isTrue((await store.verify({ depth: "files", onProgress: (one) => void progress.push(one) })).ok)
      assert.isAbove(progress.length, 0)
      await notes.setUserMeta("unit", "celsius")
      assert.deepInclude(await store.backup(backup), { target: backup, tapes: 2, kept: 0 })
      assert.isTrue(await store.contains({ lib: store.id, lineage: store.lineage, position: 2 }))
      assert.deepStrictEqual(await store.stuck(), [])
      const failing = store.verify({
        onProgress: () => {
          throw new RangeError("full")
        }
      })
      assert.instanceOf(await rejection(failing), RangeError)
    }
    assert.deepInclude(await rejection(PromiseStore.open(backup, { storage })), { _tag: "LibIsBackup" })
    assert.deepInclude(await PromiseStore.restore(backup, restored, { storage, upTo: 2 }), { location: restored })
    await using store = await PromiseStore.open(restored, { storage })
    assert.deepStrictEqual(await dataOf(store.readAll()), [0, 1])
    assert.deepStrictEqual((await (await store.tape("notes")).meta()).userMeta, { unit: "celsius" })
    assert.deepInclude(await rejection(PromiseStore.restore(backup, location, { storage })), { _tag: "NotABackup" })
    assert.deepInclude(await rejection(PromiseStore.recover(location, { storage })), { _tag: "NotDamaged" })
  })

  it("has tapes with heads, proofs, segments, repack and clones", async () => {
    const storage = makeStorage()
    await using store = await PromiseStore.open(newFolder(), { storage })
    await using other = await PromiseStore.open(newFolder(), { storage })
    const tape = await store.tape("notes")
    await tape.append([{ n: 0 }, { n: 1 }])
    const first = await tape.head()
    assert.strictEqual(await tape.root(), first.root)
    await tape.append([{ n: 2 }])
    assert.deepInclude(await tape.appendSegment(), { firstOrdinal: 2, records: 1 })
    assert.isUndefined(await tape.appendSegment())
    assert.lengthOf(await tape.segments(), 2)
    assert.deepStrictEqual(await collect(tape.readSegment(2)), [{ n: 2 }])
    assert.deepInclude(await tape.verifySegment(2), { records: 1 })
    assert.deepInclude(await rejection(tape.verifySegment(3)), { _tag: "SegmentMissing" })
    assert.isTrue(Proof.checkInclusion({ n: 1 }, await tape.proveInclusion(1)))
    assert.isTrue(Proof.checkConsistency(await tape.proveConsistency(first)))
    await tape.checkHead(first)
    assert.strictEqual((await store.tape("notes", { expected: first })).id, tape.id)
    const wrong = { ...first, root: "0".repeat(64) }
    assert.deepInclude(await rejection(store.tape("notes", { expected: wrong })), { _tag: "HeadMismatch" })
    assert.lengthOf((await tape.repack({ compression: "gzip" })).removed, 2)
    await tape.clone(other, "copy")
    assert.strictEqual(await (await other.tape("copy")).root(), await tape.root())
    assert.isTrue((await tape.verify()).ok)
    await tape.setUserMeta("a", { b: 1 })
    await tape.removeUserMeta("a")
    assert.deepStrictEqual((await tape.meta()).userMeta, {})
    const { close: _, ...notAStore } = other
    const refusal = { _tag: "InvalidArgument", call: "PromiseTape.clone", argument: "to" }
    assert.deepInclude(await rejection(tape.clone(notAStore, "x")), refusal)
  })

  it("archives and activates tapes", async () => {
    await using store = await PromiseStore.open(newFolder(), { storage: makeStorage() })
    const tape = await store.tape("notes")
    await store.archive("notes")
    assert.deepInclude(await rejection(tape.append([{ n: 0 }])), { _tag: "TapeArchived" })
    assert.deepStrictEqual(
      (await store.tapes()).map(({ name, state }) => [name, state]),
      [["notes", "archived"]]
    )
    await store.activate("notes")
    await tape.append([{ n: 0 }])
    assert.deepInclude(await rejection(store.archive("none")), { _tag: "TapeNotFound" })
  })
})

describe("the promise face of a damaged lib", () => {
  it("recovers the lib and a tape, and salvages a tape", async () => {
    const location = newFolder()
    {
      await using store = await PromiseStore.open(location)
      await (await store.tape("notes")).append([{ n: 0 }])
      await (await store.tape("more")).append([{ n: 1 }])
    }
    rmSync(join(location, "litelib.meta.jsonl"))
    rmSync(join(location, "more", "seg-000001.jsonl"))
    assert.deepInclude(await rejection(PromiseStore.open(location)), { _tag: "LibInvalid" })
    assert.lengthOf((await PromiseStore.recover(location)).tapes, 2)
    await using store = await PromiseStore.open(location)
    const { lost } = await store.salvageTape("more", { onProgress: () => undefined })
    assert.lengthOf(lost, 1)
    const more = await store.tape("more")
    assert.deepInclude(await rejection(collect(more.records())), { _tag: "RecordsLost" })
    await store.acceptLoss("more")
    assert.deepStrictEqual(await collect(more.records()), [])
    assert.deepInclude(await rejection(store.recoverTape("notes")), { _tag: "NotDamaged" })
    await store.close()
    rmSync(join(location, "notes", "tape.meta.jsonl"))
    await using again = await PromiseStore.open(location)
    assert.deepInclude(await rejection(again.tape("notes")), { _tag: "TapeInvalid" })
    assert.strictEqual((await again.recoverTape("notes")).records, 1)
    assert.deepStrictEqual(await collect((await again.tape("notes")).records()), [{ n: 0 }])
  })
})

describe("a memory that stores share", () => {
  it("is empty after a reset, which refuses while a writer is open", async () => {
    const memory = MemoryStorage.makeShared()
    const options = { storage: memory.layer }
    const store = await PromiseStore.open("a", options)
    await store.append("order-1", [event(0)])
    assert.throws(() => memory.reset(), /a writer has it open; close it first/)
    assert.strictEqual(await store.position(), 1)
    await store.close()
    {
      await using again = await PromiseStore.open("a", options)
      assert.strictEqual(await again.position(), 1)
    }
    memory.reset()
    await using fresh = await PromiseStore.open("a", options)
    assert.isTrue(fresh.report.created)
    assert.strictEqual(await fresh.position(), 0)
  })
})

describe("messages of the promise face", () => {
  it("do not use the words of Effect", async () => {
    const { storage } = { storage: MemoryStorage.makeShared().layer }
    const store = await PromiseStore.open("a", { storage })
    const errors = [await rejection(PromiseStore.open("a", { storage }))]
    await store.close()
    errors.push(await rejection(store.append("a-1", [event(0)])), await rejection(collect(store.readAll())))
    const folder = newFolder()
    await using writer = await PromiseStore.open(folder)
    errors.push(
      await rejection(PromiseStore.open(folder)),
      await rejection(writer.append("a-1", [event(0)], { signal: AbortSignal.abort() }))
    )
    for (const error of errors) {
      assert.instanceOf(error, Error)
      assert.notMatch((error as Error).message, /\b(?:scope|fib(?:er|re)|layer|effect|interrupt)/i)
    }
  })
})
