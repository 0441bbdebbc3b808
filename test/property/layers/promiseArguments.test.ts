/** What callers of the promise face give is checked: no call throws or dies of it, and a misspelt option is refused by its name. */
import * as fc from "fast-check"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"
import { InvalidArgument } from "litetapes/Errors"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import { assert, describe, expectTypeOf, it } from "vitest"
import { junk } from "../../support/junk.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

type Call = (...given: ReadonlyArray<never>) => unknown

/** Each call, with the arguments that stand before its options. */
type Calls = Readonly<Record<string, readonly [call: Call, ...before: ReadonlyArray<unknown>]>>

const Order = Category.make("order", { Placed: Schema.Struct({}) })
const decider = Decider.make({
  name: "orders",
  category: Order,
  initialState: () => 0,
  evolve: (count) => count + 1,
  decide: (_: string) => ({ type: "Placed", data: {} })
})
const newPlace = temporaryFolder()
const head = { tape: "x", records: 1, root: "0".repeat(64) }
const { layer: storage } = MemoryStorage.makeShared()

/** Opens a store, and closes it again. A location that is right is one in memory. */
const openAndClose: Call = async (...given: ReadonlyArray<unknown>) => {
  const store = await PromiseStore.open(...(given as [string]))
  await store.close()
}

/** Calls with options, by what they are called on. Each is bound to its name, so that none is forgotten. */
const callsOf = (
  store: PromiseStore.PromiseStore,
  tape: PromiseStore.PromiseTape,
  consumer: PromiseStore.PromiseConsumer
) => {
  const placed = [{ type: "Placed", data: {} }]
  const orders = store.category(Order)
  const withOptions = {
    PromiseStore: {
      append: [store.append, "order-1", placed],
      appendAll: [store.appendAll, [{ stream: "order-1", events: [] }]],
      read: [store.read, "order-1"],
      readAll: [store.readAll],
      subscribe: [store.subscribe],
      subscribeBatches: [store.subscribeBatches],
      subscribeToStream: [store.subscribeToStream, "order-1"],
      query: [store.query, "all"],
      handle: [store.handle, decider, "1", "place"],
      handleAll: [store.handleAll, [Decider.to(decider, "1", "place")]],
      load: [store.load, decider, "1"],
      decisionModel: [
        store.decisionModel,
        { count: { query: "all", initialState: () => 0, evolve: (n: number) => n + 1 } }
      ],
      consume: [store.consume],
      exportLines: [store.exportLines],
      exportFile: [store.exportFile, "/nowhere/export"],
      importLines: [store.importLines, []],
      importFile: [store.importFile, "/nowhere/import"],
      find: [store.find, "order-1", "id"],
      findCommand: [store.findCommand, "order-1", "command"],
      revision: [store.revision, "order-1"],
      tape: [store.tape, "notes"],
      commit: [store.commit, [{ tape: "notes", records: [] }]],
      archive: [store.archive, "old"],
      activate: [store.activate, "old"],
      refresh: [store.refresh],
      verify: [store.verify],
      backup: [store.backup, "backup"],
      copy: [store.copy, "copy"],
      recoverTape: [store.recoverTape, "notes"],
      salvageTape: [store.salvageTape, "notes"],
      acceptLoss: [store.acceptLoss, "notes"],
      reopen: [store.reopen]
    },
    PromiseTape: {
      append: [tape.append, [{ n: 1 }]],
      records: [tape.records],
      appendSegment: [tape.appendSegment],
      readSegment: [tape.readSegment, 1],
      verifySegment: [tape.verifySegment, 1],
      head: [tape.head],
      root: [tape.root],
      checkHead: [tape.checkHead, head],
      proveInclusion: [tape.proveInclusion, 0],
      proveConsistency: [tape.proveConsistency, head],
      repack: [tape.repack],
      clone: [tape.clone, store, "clone"],
      verify: [tape.verify],
      setUserMeta: [tape.setUserMeta, "key", 1],
      removeUserMeta: [tape.removeUserMeta, "key"]
    },
    PromiseCategory: {
      append: [orders.append, "1", placed],
      read: [orders.read, "1"],
      readAll: [orders.readAll],
      query: [orders.query, [{ types: ["Placed"] }]],
      subscribe: [orders.subscribe],
      subscribeToStream: [orders.subscribeToStream, "1"]
    },
    PromiseConsumer: {
      status: [consumer.status],
      whenProcessed: [consumer.whenProcessed, 0],
      whenCaughtUp: [consumer.whenCaughtUp],
      pause: [consumer.pause],
      reset: [consumer.reset, "start"],
      replay: [consumer.replay, 0],
      drop: [consumer.drop, 0]
    }
  } as const
  return { orders, withOptions }
}

/** Calls without options, or that are tested otherwise. */
const others = {
  PromiseStore: ["position", "category", "tapes", "durable", "contains", "checkpoints", "stuck", "close"],
  PromiseTape: ["meta", "size", "segments"],
  PromiseCategory: ["stream", "filter", "decode", "fact"],
  PromiseConsumer: ["resume", "parked", "stop"]
}

const named = (faces: Readonly<Record<string, Calls>>): Calls =>
  Object.fromEntries(
    Object.entries(faces).flatMap(([face, calls]) =>
      Object.entries(calls).map(([name, call]) => [`${face}.${name}`, call] as const)
    )
  )

const functions = {
  "PromiseStore.recover": [PromiseStore.recover, "nowhere"],
  "PromiseStore.restore": [PromiseStore.restore, "nowhere", "anywhere"]
} as Calls

const inStore = async (
  use: (
    calls: Calls,
    store: PromiseStore.PromiseStore,
    tape: PromiseStore.PromiseTape,
    consumer: PromiseStore.PromiseConsumer
  ) => Promise<void>
) => {
  await using store = await PromiseStore.open(newPlace(), { storage: MemoryStorage.layer })
  const tape = await store.tape("notes")
  await store.tape("old")
  await tape.append([{ n: 1 }])
  await using consumer = await store.consume({ name: "tested", checkpoints: new Map(), handler: () => undefined })
  await use({ ...named(callsOf(store, tape, consumer).withOptions as never), ...functions }, store, tape, consumer)
}

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value

/** A property that cannot be read. */
const trap: PropertyDescriptor = {
  enumerable: true,
  get: () => {
    throw new Error("a trap of the caller")
  }
}

const nothing = Symbol("no error")

/**
 * Returns what the call rejects with, or `nothing`. An iteration takes its first step, and only briefly if the call may be
 * right, since a subscription waits for ever. What a call throws is thrown.
 */
const rejectionOf = async (call: Call, given: ReadonlyArray<unknown>, mayBeRight: boolean): Promise<unknown> => {
  const made = call(...(given as ReadonlyArray<never>))
  if (!isIterable(made)) {
    return Promise.resolve(made).then(
      () => nothing,
      (error: unknown) => error
    )
  }
  const iterator = made[Symbol.asyncIterator]()
  const { promise: waited, resolve } = Promise.withResolvers<typeof nothing>()
  const timer = mayBeRight ? setTimeout(() => resolve(nothing), 10) : undefined
  const step = iterator.next().then(
    () => nothing,
    (error: unknown) => error
  )
  const outcome = await Promise.race([step, waited])
  clearTimeout(timer)
  await iterator.return?.()
  return outcome
}

const isTyped = (error: unknown): boolean =>
  error instanceof Error && /^[A-Z]\w+$/.test(`${(error as { _tag?: string })._tag}`) && error.message !== ""

const refusalOf = async (name: string, call: Call, given: ReadonlyArray<unknown>): Promise<InvalidArgument> => {
  const error = await rejectionOf(call, given, false)
  if (error instanceof InvalidArgument) return error
  return assert.fail(`${name} did not refuse its options: ${String(error)}`)
}

describe("what a caller of the promise face gives", () => {
  it("is tested here for every call", () =>
    inStore(async (_, store, tape, consumer) => {
      const { orders, withOptions } = callsOf(store, tape, consumer)
      const faces = { PromiseStore: store, PromiseTape: tape, PromiseCategory: orders, PromiseConsumer: consumer }
      for (const [face, made] of Object.entries(faces)) {
        const calls = Object.entries(made).flatMap(([name, value]) => (typeof value === "function" ? [name] : []))
        const tested = Object.keys(withOptions[face as keyof typeof withOptions])
        assert.sameMembers([...tested, ...others[face as keyof typeof others]], calls, face)
      }
    }))

  it("never makes a call throw, or reject without a type, whatever it is", () =>
    inStore(async (calls, store) => {
      const wrong: Array<string> = []
      const all: Calls = {
        ...calls,
        "PromiseStore.contains": [store.contains as Call],
        "PromiseStore.open": [openAndClose, "elsewhere"]
      }
      for (const [name, [call, ...before]] of Object.entries(all)) {
        const isOnce = name in functions || name === "PromiseStore.open"
        for (const [index, value] of junk.entries()) {
          // An export would write to any path.
          for (let at = name === "PromiseStore.exportFile" ? 1 : 0; at <= before.length; at++) {
            // What these do with right options would be done to the file system.
            const given = isOnce ? [...before.map((one) => `${newPlace()}-${String(one)}`), { storage }] : [...before]
            given[at] = value
            try {
              const error = await rejectionOf(call, given, true)
              if (error !== nothing && !isTyped(error)) wrong.push(`${name}, argument ${at}, value ${index}: ${error}`)
            } catch (thrown) {
              wrong.push(`${name}, argument ${at}, value ${index} throws at once: ${thrown}`)
            }
          }
        }
      }
      assert.deepStrictEqual(wrong, [])
      for (const value of junk) assert.throws(() => store.category(value as never), InvalidArgument)
    }))

  it("is refused by name if it is an option that the call does not have, with or without a signal", () =>
    inStore(async (calls) => {
      const names = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom("expectedRevision", "__proto__", "toString"))
      const all: Calls = { ...calls, "PromiseStore.open": [openAndClose, "elsewhere"] }
      for (const [name, [call, ...before]] of Object.entries(all)) {
        const drawn = fc.sample(fc.tuple(names, fc.jsonValue(), fc.boolean()), { numRuns: 20, seed: 4711 })
        for (const [option, value, isAbortable] of drawn) {
          const signal = isAbortable ? { signal: new AbortController().signal } : {}
          const options = { ...signal, ...Object.fromEntries([[option, value]]) }
          const error = await refusalOf(name, call, [...before, options])
          const shown = option.length > 40 ? option.slice(0, 40) : option
          const { argument } = error
          assert.isTrue(argument.endsWith(`.${shown}`) || argument.endsWith(`.${JSON.stringify(shown)}`), argument)
          if (error.why.includes("only"))
            assert.lengthOf(error.why.match(/\bsignal\b/g) ?? [], 1, `${name} ${error.why}`)
        }
        const misspelt = await refusalOf(name, call, [...before, { sginal: new AbortController().signal }])
        assert.strictEqual(misspelt.why, "is not known; did you mean signal?", name)
      }
    }))

  it("is refused if it is not a signal, or cannot be read next to one", () =>
    inStore(async (calls) => {
      const all: Calls = { ...calls, "PromiseStore.open": [openAndClose, "elsewhere"] }
      for (const [name, [call, ...before]] of Object.entries(all)) {
        for (const signal of junk.filter((value) => value !== undefined)) {
          const error = await refusalOf(name, call, [...before, { signal }])
          assert.deepInclude(error, { call: name, argument: "options.signal" })
          assert.match(error.why, /^must be an AbortSignal, not ./)
        }
        const error = await refusalOf(name, call, [...before, Object.defineProperty({}, "signal", trap)])
        assert.deepInclude(error, { call: name, argument: "options" })
        for (const option of ["from", "onProgress"]) {
          const { signal } = new AbortController()
          const unreadable = Object.defineProperty({ signal }, option, trap)
          const { why } = await refusalOf(name, call, [...before, unreadable])
          assert.match(why, /^(cannot be read|is not known, only)/, name)
        }
      }
    }))

  it("is refused if it is not a storage, or not a head", () =>
    inStore(async (_, store, tape) => {
      const all: Calls = { ...functions, "PromiseStore.open": [openAndClose, "elsewhere"] }
      for (const [name, [call, ...before]] of Object.entries(all)) {
        for (const value of [null, {}, MemoryStorage, "memory"]) {
          const error = await refusalOf(name, call, [...before, { storage: value }])
          assert.deepInclude(error, { call: name, argument: "options.storage" })
        }
      }
      for (const value of [null, {}, MemoryStorage, "./keys"]) {
        const error = await refusalOf("PromiseStore.open", openAndClose, ["elsewhere", { storage, keyStore: value }])
        assert.deepInclude(error, { call: "PromiseStore.open", argument: "options.keyStore" })
      }
      const kept = await tape.head()
      // A head that is not passed as `expected` must not look as if it were compared.
      for (const options of [kept, ...[...junk, { ...kept, root: 1 }].map((expected) => ({ expected }))]) {
        const error = await refusalOf("PromiseStore.tape", store.tape as Call, ["new", options])
        assert.strictEqual(error.call, "PromiseStore.tape")
      }
      assert.notInclude(
        (await store.tapes()).map(({ name }) => name),
        "new",
        "nothing was done"
      )
      assert.strictEqual((await store.tape("notes", { expected: kept })).id, tape.id)
      expectTypeOf<PromiseStore.RecoverOptions>().not.toHaveProperty("onProgress")
    }))
})
