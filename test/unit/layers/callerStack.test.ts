/** What the stack trace of an error says about its caller. Each `here` is the line before the call. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Logger from "effect/Logger"
import { isConflict, isFatal, isRetryable } from "litetapes/EventErrors"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import { types } from "node:util"
import { assert, describe, it } from "vitest"
import { traceCaller } from "../../../src/layers/promise/callerStack.ts"
import { FaultyDisk } from "../../support/reopening.ts"

/** Returns the line of the code that calls this. */
const here = (): number => lineIn(new Error("here").stack!.split("\n")[2]!)

const file = "callerStack.test.ts"

const lineIn = (frame: string): number => Number(new RegExp(`${file}(?:\\?[^:]*)?:(\\d+):\\d+`).exec(frame)?.[1])

/** Checks that the error was called for from the line after `before`, within the named function. Returns the error. */
const checkCaller = (error: unknown, before: number, functionName: string): Error => {
  if (!(error instanceof Error)) assert.fail(`not an error: ${String(error)}`)
  const frames = error.stack!.split("\n").filter((line) => line.startsWith("    at ") && line.includes(functionName))
  assert.deepStrictEqual(frames.map(lineIn), [before + 1], error.stack)
  assert.isTrue(error.stack!.includes(error.message))
  return error
}

/** Runs a call that must fail, and checks where its error says that it was called. */
const checkCall = async (call: (note: (line: number) => void) => Promise<unknown>, functionName: string) => {
  let before = 0
  const note = (line: number) => {
    before = line
  }
  try {
    await call(note)
  } catch (error) {
    return checkCaller(error, before, functionName)
  }
  return assert.fail("it succeeded")
}

const opened = () => PromiseStore.open("place", { storage: MemoryStorage.layer })

describe("the stack trace of a rejected promise", () => {
  it("shows the line that appends", async () => {
    await using store = await opened()
    const conflict = await checkCall(async function placeOrder(note) {
      note(here())
      await store.append("order-1", [], { expected: 3 })
    }, "placeOrder")
    assert.isTrue(isConflict(conflict))
    assert.include(conflict.stack!.split("\n")[1], "placeOrder", "no frame of ours comes before it")
    assert.isTrue(types.isNativeError(conflict))
    await checkCall(async function placeBadOrder(note) {
      note(here())
      await store.append("order-1", [{ type: "Placed", data: { at: undefined } }])
    }, "placeBadOrder")
    await checkCall(async function placeBoth(note) {
      note(here())
      await store.appendAll([{ stream: "order-1", events: [{ type: "" }] }])
    }, "placeBoth")
    await checkCall(async function placeMany(note) {
      note(here())
      await Promise.all([store.append("order-1", [{ type: "Placed" }]), store.append("order-2", [], { expected: 3 })])
    }, "placeMany")
    await checkCall(async function askRevision(note) {
      note(here())
      await store.revision("")
    }, "askRevision")
  })

  it("shows the line that reads", async () => {
    await using store = await opened()
    await checkCall(async function readOrder(note) {
      note(here())
      for await (const event of store.read("\n")) assert.fail(event.type)
    }, "readOrder")
    await store.append(
      "order-1",
      Array.from({ length: 1500 }, () => ({ type: "Placed" }))
    )
    let read = 0
    const some = store.readAll()[Symbol.asyncIterator]()
    while (read < 1500) assert.deepInclude((await some.next()).value, { position: read++ })
    assert.deepStrictEqual(await some.next(), { done: true, value: undefined })
    assert.deepStrictEqual(await some.next(), { done: true, value: undefined })
    const left = store.readAll()[Symbol.asyncIterator]()
    await left.next()
    assert.deepStrictEqual(await left.return!(), { done: true, value: undefined })
    assert.deepStrictEqual(await left.next(), { done: true, value: undefined })
    await checkCall(async function nextOrder(note) {
      const events = store.readAll({ filter: { types: "Placed" as never }, from: Number.NaN })[Symbol.asyncIterator]()
      note(here())
      await events.next()
    }, "nextOrder")
  })

  it("shows the line that uses a tape, opens a store, or uses a closed one", async () => {
    const store = await opened()
    await checkCall(async function openTape(note) {
      note(here())
      await store.tape("../x")
    }, "openTape")
    const tape = await store.tape("notes")
    await checkCall(async function appendNote(note) {
      note(here())
      await tape.append([1])
    }, "appendNote")
    await store.close()
    await checkCall(async function appendTooLate(note) {
      note(here())
      await store.append("order-1", [])
    }, "appendTooLate")
    await checkCall(async function openNothing(note) {
      note(here())
      await PromiseStore.open("place", { storage: MemoryStorage.layer, mode: "read" })
    }, "openNothing")
  })

  it("keeps the place that threw an error which is not one of ours", async () => {
    await using store = await opened()
    const error = await checkCall(async function passUndefined(note) {
      note(here())
      await store.append("order-1", [], { expected: undefined as never })
    }, "passUndefined")
    assert.isTrue(isFatal(error))
    const inThen = await new Promise<Error>((resolve) => {
      setTimeout(
        () => void store.append("order-1", [], { expected: 3 }).then(() => assert.fail("it succeeded"), resolve),
        0
      )
    })
    assert.match(inThen.stack!, /AppendRequest\.ts/, "nobody awaits it")
    if (error instanceof TypeError) assert.match(error.stack!, /EventStore\.ts/)
    const made = here()
    const foreign = Object.assign(new Error("foreign"), { _tag: "Foreign" })
    const thrown = await checkCall(async function throwForeign(note) {
      const promise = Promise.reject(foreign)
      note(here())
      await traceCaller(promise)
    }, "throwForeign")
    assert.strictEqual(thrown, foreign)
    assert.strictEqual(lineIn(thrown.stack!.split("\n")[1]!), made + 1)
  })

  it("shows each of several callers who fail together its own line", async () => {
    const disk = new FaultyDisk()
    const storage = Layer.provideMerge(disk.storage, Logger.layer([]))
    const store = await PromiseStore.open("/lib", { storage })
    await store.append("order-1", [{ type: "Placed" }])
    disk.failBatch()
    const unknown = await checkCall(async function appendLost(note) {
      note(here())
      await store.append("order-1", [{ type: "Placed" }])
    }, "appendLost")
    assert.isTrue(isRetryable(unknown))
    // Both wait for one attempt, which fails with one error.
    disk.failLocks(1)
    const lines: Array<number> = []
    const first = async function reopenFirst() {
      lines[0] = here()
      await store.reopen()
    }
    const second = async function reopenSecond() {
      lines[1] = here()
      await store.reopen()
    }
    const [one, two] = (await Promise.allSettled([first(), second()])).map(
      (outcome) => outcome.status === "rejected" && (outcome.reason as unknown)
    )
    checkCaller(one, lines[0]!, "reopenFirst")
    checkCaller(two, lines[1]!, "reopenSecond")
    for (const error of [one, two]) assert.deepInclude(error, { _tag: "LibLocked", location: "/lib" })
    await store.reopen()
    await store.close()
  })
})

describe("the stack trace of a failed effect", () => {
  const failure = async (effect: Effect.Effect<unknown, unknown, EventStore.EventStore>): Promise<string> => {
    const layer = Layer.provide(EventStore.layer("place"), MemoryStorage.layer)
    const exit = await Effect.runPromiseExit(Effect.provide(effect, layer))
    return exit._tag === "Failure" ? Cause.pretty(exit.cause) : assert.fail("it succeeded")
  }
  const frameOf = (pretty: string, functionName: string) =>
    pretty.split("\n").find((line) => line.includes(`at ${functionName} (`) && line.includes(file)) ??
    assert.fail(pretty)

  it("shows the line that runs a function made by Effect.fn, whichever fibre met the error", async () => {
    const append = Effect.fn("placeOrder")(function* (events: ReadonlyArray<EventStore.NewEvent>) {
      const store = yield* EventStore.EventStore
      yield* store.append("order-1", events, { expected: 3 })
    })
    const read = Effect.fn("readOrder")(function* () {
      const store = yield* EventStore.EventStore
      yield* Stream.runDrain(store.read("\n"))
    })
    let before = 0
    const calls: ReadonlyArray<readonly [string, () => Effect.Effect<unknown, unknown, EventStore.EventStore>]> = [
      [
        "placeOrder",
        () => {
          before = here()
          return append([])
        }
      ],
      [
        "placeOrder",
        () => {
          before = here()
          return append([{ type: "" }])
        }
      ],
      [
        "readOrder",
        () => {
          before = here()
          return read()
        }
      ]
    ]
    for (const [name, call] of calls) {
      const pretty = await failure(Effect.suspend(call))
      assert.strictEqual(lineIn(frameOf(pretty, name)), before + 1, pretty)
    }
  })

  it("shows the line of a span around the call", async () => {
    const plain = Effect.flatMap(EventStore.EventStore, (store) => store.append("order-1", [], { expected: 3 }))
    const before = here()
    const pretty = await failure(Effect.withSpan(plain, "checkout"))
    assert.strictEqual(lineIn(frameOf(pretty, "checkout")), before + 1, pretty)
  })
})
