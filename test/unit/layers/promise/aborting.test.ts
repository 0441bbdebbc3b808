/** Calls of a promise store that are aborted, or pending when it closes. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import { Storage } from "litetapes/Storage"
import { getEventListeners } from "node:events"
import { assert, describe, it } from "vitest"
import { at, refusal, watched } from "../../../support/watchedStorage.ts"

const event = (id: string) => ({ type: "Counted", id, data: { n: 1 } })
const Counter = Category.make("counter", { Counted: Schema.Struct({ n: Schema.Int }) })

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => assert.fail(`it resolved with ${JSON.stringify(value)}`),
    (error: unknown) => error
  )

const collect = async <A>(values: AsyncIterable<A>): Promise<Array<A>> => {
  const collected: Array<A> = []
  for await (const value of values) collected.push(value)
  return collected
}

const idsOf = async (store: PromiseStore.PromiseStore) => (await collect(store.readAll())).map(({ id }) => id)

/** A store whose batches can be held directly before they are written. */
const held = async () => {
  const watch = watched(Effect.runSync(MemoryStorage.make))
  const storage = Layer.succeed(Storage, watch.storage)
  const store = await PromiseStore.open("lib", { storage })
  await store.append("order-1", [event("first")])
  let release = Deferred.makeUnsafe<void>()
  let arrived = Promise.withResolvers<void>()
  return {
    store,
    watch,
    /** Holds the next batch. */
    hold: () => {
      release = Deferred.makeUnsafe()
      arrived = Promise.withResolvers()
      watch.before = at(
        "append",
        Effect.suspend(() => {
          arrived.resolve()
          return Deferred.await(release)
        })
      )
    },
    arrived: () => arrived.promise,
    release: () => Effect.runSync(Deferred.succeed(release, undefined))
  }
}

describe("an aborted append", () => {
  it("is withdrawn while it waits, and says that it changed nothing", async () => {
    const { arrived, hold, release, store } = await held()
    const notes = await store.tape("notes")
    hold()
    const before = store.append("order-1", [event("before")])
    await arrived()
    const control = new AbortController()
    const { signal } = control
    const waiting = [
      store.append("order-1", [event("a")], { signal }),
      store.appendAll([{ stream: "order-2", events: [event("b")] }], { signal, correlationId: "c" }),
      store.category(Counter).append("1", [event("c") as never], { signal }),
      store.commit([{ tape: "notes", records: [{ n: 0 }] }], { signal }),
      notes.append([{ n: 1 }], { signal })
    ]
    const reason = new Error("the request was cancelled")
    control.abort(reason)
    for (const append of waiting) {
      const error = await rejection(append)
      assert.instanceOf(error, PromiseStore.Aborted)
      assert.deepInclude(error, { _tag: "Aborted", name: "AbortError", code: "ABORT_ERR", mayBeCommitted: false })
      assert.strictEqual((error as Error).cause, reason)
    }
    release()
    await before
    await store.append("order-1", [event("after")])
    assert.deepStrictEqual(await idsOf(store), ["first", "before", "after"])
    assert.strictEqual(await notes.size(), 0)
    assert.lengthOf(getEventListeners(signal, "abort"), 0)
    await store.close()
  })

  for (const fails of [false, true]) {
    it(`rejects at once while it is being written, and may be stored: the write ${fails ? "fails" : "succeeds"}`, async () => {
      const { arrived, hold, release, store, watch } = await held()
      hold()
      const control = new AbortController()
      const append = store.append("order-1", [event("a")], { signal: control.signal })
      await arrived()
      control.abort()
      // The disk has not answered yet.
      assert.deepInclude(await rejection(append), { _tag: "Aborted", mayBeCommitted: true })
      if (fails) watch.before = at("append", Effect.fail(refusal("append")))
      const next = store.append("order-1", [event("b")])
      release()
      if (fails) {
        assert.deepInclude(await rejection(next), { _tag: "CommitOutcomeUnknown" })
        watch.before = () => Effect.void
        await store.reopen()
      } else await next
      // What the message says: the same ids find out.
      assert.strictEqual((await store.append("order-1", [event("a")])).repeated, true)
      assert.deepStrictEqual(await idsOf(store), fails ? ["first", "a"] : ["first", "a", "b"])
      await store.close()
    })
  }

  it("is not aborted by a signal that aborts later, and leaves no listener", async () => {
    const { store } = await held()
    const control = new AbortController()
    await store.append("order-1", [event("a")], { signal: control.signal })
    assert.lengthOf(getEventListeners(control.signal, "abort"), 0)
    control.abort()
    assert.deepStrictEqual(await idsOf(store), ["first", "a"])
    await store.close()
  })
})

describe("a call with a signal that was aborted before", () => {
  it("does nothing, whichever call it is", async () => {
    const { store, watch } = await held()
    const tape = await store.tape("notes")
    await tape.append([{ n: 0 }])
    const head = await tape.head()
    const signal = AbortSignal.abort("too late")
    const before = new Map(watch.counts)
    const calls: ReadonlyArray<() => Promise<unknown>> = [
      () => store.append("order-1", [event("a")], { signal }),
      () => store.appendAll([{ stream: "order-1", events: [event("a")] }], { signal }),
      () => store.commit([{ tape: "notes", records: [{ n: 1 }] }], { signal }),
      () => store.category(Counter).append("1", [], { signal }),
      () => collect(store.category(Counter).read("1", { signal })),
      () => collect(store.category(Counter).readAll({ signal })),
      () => collect(store.read("order-1", { signal })),
      () => collect(store.readAll({ signal })),
      () => store.revision("order-1", { signal }),
      () => store.tape("other", { signal }),
      () => store.archive("notes", { signal }),
      () => store.activate("notes", { signal }),
      () => store.refresh({ signal }),
      () => store.verify({ signal }),
      () => store.backup("backup", { signal }),
      () => store.copy("copy", { signal }),
      () => store.recoverTape("notes", { signal }),
      () => store.salvageTape("notes", { signal }),
      () => store.acceptLoss("notes", { signal }),
      () => store.reopen({ signal }),
      () => tape.append([{ n: 1 }], { signal }),
      () => collect(tape.records({ signal })),
      () => collect(tape.readSegment(1, { signal })),
      () => tape.appendSegment({ signal }),
      () => tape.verifySegment(1, { signal }),
      () => tape.head({ signal }),
      () => tape.root({ signal }),
      () => tape.checkHead(head, { signal }),
      () => tape.proveInclusion(0, { signal }),
      () => tape.proveConsistency(head, { signal }),
      () => tape.repack({ signal }),
      () => tape.clone(store, "clone", { signal }),
      () => tape.verify({ signal }),
      () => tape.setUserMeta("a", 1, { signal }),
      () => tape.removeUserMeta("a", { signal }),
      () => PromiseStore.open("other", { signal, storage: MemoryStorage.layer }),
      () => PromiseStore.recover("lib", { signal, storage: MemoryStorage.layer }),
      () => PromiseStore.restore("lib", "other", { signal, storage: MemoryStorage.layer })
    ]
    for (const call of calls) {
      const error = await rejection(call())
      assert.deepInclude(error, { _tag: "Aborted", mayBeCommitted: false, cause: "too late" }, String(call))
    }
    assert.deepStrictEqual(watch.counts, before)
    await store.close()
  })
})

describe("a call with something that is not a signal", () => {
  it("is refused before it begins", async () => {
    const { store, watch } = await held()
    const before = new Map(watch.counts)
    for (const bad of [null, {}, "abort", new AbortController()]) {
      const options = { signal: bad as never }
      const calls = [
        () => store.append("order-1", [event("a")], options),
        () => store.revision("order-1", options),
        () => collect(store.readAll(options)),
        () => PromiseStore.open("other", { ...options, storage: MemoryStorage.layer })
      ]
      for (const call of calls) {
        assert.deepInclude(await rejection(call()), { _tag: "InvalidArgument", argument: "options.signal" })
      }
    }
    assert.deepStrictEqual(watch.counts, before)
    // Left out, and `undefined`, are the same.
    assert.strictEqual(await store.revision("order-1", { signal: undefined as never }), 0)
    await store.close()
  })
})

describe("an aborted read", () => {
  it("throws, so that it does not look complete, and ends", async () => {
    const { store } = await held()
    const many = Array.from({ length: 3000 }, (_, n) => event(`${n}`))
    await store.append("order-1", many)
    for (const stopAt of [1, 500, 2999]) {
      const control = new AbortController()
      const { signal } = control
      const seen: Array<string> = []
      const iterator = store.read("order-1", { signal })[Symbol.asyncIterator]()
      const reading = async () => {
        for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
          seen.push(next.value.id)
          if (seen.length === stopAt) control.abort()
        }
      }
      assert.deepInclude(await rejection(reading()), { _tag: "Aborted", mayBeCommitted: false })
      assert.lengthOf(seen, stopAt)
      assert.deepInclude(await rejection(iterator.next()), { _tag: "Aborted" })
      assert.lengthOf(getEventListeners(signal, "abort"), 0)
    }
    const { signal } = new AbortController()
    assert.lengthOf(await collect(store.read("order-1", { signal })), 3001)
    await store.close()
  })

  it("throws while it waits for the disk", async () => {
    const { store } = await held()
    const control = new AbortController()
    const next = store.readAll({ signal: control.signal })[Symbol.asyncIterator]().next()
    control.abort()
    assert.deepInclude(await rejection(next), { _tag: "Aborted" })
    await store.close()
  })
})

describe("an aborted change", () => {
  it("rejects once its leftovers are removed, and the store continues", async () => {
    const { store } = await held()
    const tape = await store.tape("notes")
    for (let n = 0; n < 20; n++) {
      await tape.append([{ n }])
      await tape.appendSegment()
    }
    const control = new AbortController()
    let reports = 0
    const onProgress = () => {
      reports += 1
      if (reports === 3) control.abort()
    }
    const repack = tape.repack({ compression: "gzip", force: true, onProgress, signal: control.signal })
    assert.deepInclude(await rejection(repack), { _tag: "Aborted", mayBeCommitted: true })
    assert.isTrue((await store.verify()).ok)
    assert.lengthOf(await tape.segments(), 20)
    assert.lengthOf((await tape.repack({ compression: "gzip", force: true })).removed, 20)
    await store.close()
  })
})

describe("calls that are pending when the store closes", () => {
  it("have succeeded, or fail with `LibClosed` and have changed nothing", async () => {
    for (let turns = 0; turns < 12; turns++) {
      const memory = MemoryStorage.makeShared()
      const store = await PromiseStore.open("lib", { storage: memory.layer })
      const stored: Array<string> = []
      const refused: Array<string> = []
      const pending = Array.from({ length: 60 }, (_, n) =>
        store.append(`c${n % 20}-1`, [event(`${n}`)]).then(
          () => stored.push(`${n}`),
          (error: { readonly _tag?: string }) => {
            assert.strictEqual(error._tag, "LibClosed")
            refused.push(`${n}`)
          }
        )
      )
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
      await store.close()
      await Promise.all(pending)
      await using again = await PromiseStore.open("lib", { storage: memory.layer })
      assert.sameMembers(await idsOf(again), stored)
      assert.lengthOf([...stored, ...refused], 60)
    }
  })
})
