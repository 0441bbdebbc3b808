/** Consumers of callers without Effect. */
import { InvalidArgument } from "litetapes/Errors"
import * as EventErrors from "litetapes/EventErrors"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import { readFileSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it, vi } from "vitest"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newFolder = temporaryFolder()
const made = [{ type: "Made", data: {} }]

const openStore = () => PromiseStore.open("lib", { storage: MemoryStorage.layer })

/** Stops the log of consumers that fail. */
const quiet = () => vi.spyOn(console, "log").mockImplementation(() => undefined)

const reasonOf = async (promise: Promise<unknown>): Promise<Error & { readonly _tag: string }> => {
  try {
    await promise
  } catch (error) {
    return error as Error & { readonly _tag: string }
  }
  return assert.fail("it succeeded")
}

describe("a consumer without Effect", () => {
  it("handles events, keeps its checkpoint in a folder, and continues there", async () => {
    await using store = await openStore()
    await store.append("order-1", [...made, ...made])
    const handled: Array<number> = []
    const checkpoints = newFolder()
    const options: PromiseStore.ConsumeOptions = {
      name: "tested",
      checkpoints,
      handler: async ({ position }) => {
        await Promise.resolve()
        handled.push(position)
      }
    }
    {
      await using consumer = await store.consume(options)
      await consumer.whenCaughtUp()
      assert.deepInclude(await consumer.status(), { state: "running", position: 2, lag: 0, inFlight: 0, parked: 0 })
      assert.strictEqual((await reasonOf(store.consume(options)))._tag, "ConsumerClaimed")
    }
    const kept = JSON.parse(readFileSync(path.join(checkpoints, "tested", "checkpoint.json"), "utf8")) as object
    assert.deepInclude(kept, { consumer: "tested", low: 2, end: 2 })
    await store.append("order-1", made)
    const again = await store.consume(options)
    await again.whenProcessed(2)
    assert.deepStrictEqual(handled, [0, 1, 2])
    await again.reset({ after: 0 })
    await again.whenCaughtUp()
    assert.deepStrictEqual(handled, [0, 1, 2, 1, 2])
    await again.stop()
    await again.done
    assert.strictEqual((await reasonOf(again.whenProcessed(3)))._tag, "ConsumerStopped")
    assert.strictEqual((await again.status()).state, "stopped")
  })

  it("parks, replays and drops, and keeps the errors of the handler", async () => {
    const log = quiet()
    await using store = await openStore()
    await store.append("order-1", [...made, ...made])
    let isBroken = true
    const checkpoints: PromiseStore.CheckpointMap = new Map()
    await using consumer = await store.consume({
      name: "tested",
      checkpoints,
      handler: () => {
        if (isBroken) throw new TypeError("broken")
      },
      maxAttempts: 3,
      retry: { pause: 0, factor: 1, pauseMax: "1 second" },
      onPoison: "park"
    })
    await consumer.whenCaughtUp()
    assert.deepStrictEqual(
      (await consumer.parked()).map(({ attempts, position, why }) => [position, attempts, why]),
      [0, 1].map((position) => [position, 3, "broken"])
    )
    assert.hasAllKeys(checkpoints.get("tested"), ["checkpoint", "parked-0", "parked-1"])
    const error = await reasonOf(consumer.replay(0))
    assert.strictEqual(error._tag, "HandlerFailed")
    assert.instanceOf((error as unknown as { readonly error: unknown }).error, TypeError)
    isBroken = false
    await consumer.replay(0)
    await consumer.drop(1)
    assert.deepStrictEqual(await consumer.parked(), [])
    assert.strictEqual((await reasonOf(consumer.drop(1)))._tag, "NotParked")
    log.mockRestore()
  })

  it("rejects `done` with the typed error when it fails, frees its name, and can run again", async () => {
    const log = quiet()
    await using store = await openStore()
    await store.append("order-1", made)
    const checkpoints: PromiseStore.CheckpointMap = new Map()
    const given = { name: "tested", checkpoints, maxAttempts: 1 }
    const one = await store.consume({ ...given, handler: () => Promise.reject(new Error("no")) })
    const error = await reasonOf(one.done)
    assert.strictEqual(error._tag, "HandlerFailed")
    assert.strictEqual(
      EventErrors.match(error as unknown, { conflict: () => "", retryable: () => "", fatal: () => "fatal" }),
      "fatal"
    )
    assert.strictEqual((await reasonOf(one.whenCaughtUp()))._tag, "HandlerFailed")
    await one.stop()
    await using two = await store.consume({ ...given, handler: () => undefined })
    await two.whenCaughtUp()
    assert.include(String(log.mock.calls), "a consumer has stopped")
    log.mockRestore()
  })

  it("takes effect exactly once with its checkpoints in the lib, although it fails after its append and runs again", async () => {
    const log = quiet()
    await using store = await openStore()
    await store.append("order-1", [...made, ...made])
    let calls = 0
    for (const more of [0, 1]) {
      await store.append("order-1", made.slice(0, more))
      await using consumer = await store.consume({
        name: "paying",
        checkpoints: "lib",
        filter: { types: ["Made"] },
        handler: async ({ stream }, { checkpoint }) => {
          calls++
          await store.append(`payment-${stream}`, [{ type: "Paid", data: {} }], { checkpoint })
          if (calls === 1) throw new Error("after its append")
        }
      })
      await consumer.whenCaughtUp()
      assert.strictEqual((await consumer.status()).lastError?.position, more === 0 ? 0 : undefined)
    }
    const paid: Array<unknown> = []
    for await (const event of store.readAll({ filter: { types: ["Paid"] } })) paid.push(event)
    assert.deepStrictEqual([calls, paid.length], [3, 3])
    assert.deepInclude((await store.checkpoints())[0], { consumer: "paying", done: [] })
    const checkpoints: PromiseStore.CheckpointMap = new Map()
    const other = await store.consume({ name: "other", checkpoints, handler: (_, { checkpoint }) => checkpoint })
    assert.include((await reasonOf(other.done)).message, "CheckpointStore.layerLib")
    log.mockRestore()
  })

  it("stops by its signal: tells the handler, waits for it, and writes the checkpoint", async () => {
    await using store = await openStore()
    await store.append("order-1", [...made, ...made])
    const controller = new AbortController()
    const checkpoints: PromiseStore.CheckpointMap = new Map()
    const calls: Array<number> = []
    const consumer = await store.consume({
      name: "tested",
      checkpoints,
      signal: controller.signal,
      maxAttempts: 1,
      onPoison: "park",
      handler: ({ position }, { signal }) => {
        calls.push(position)
        if (position === 0) return undefined
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
      }
    })
    await vi.waitUntil(() => calls.length === 2)
    controller.abort()
    await consumer.done
    // The event of the handler that gave up is not poison: it is handled again.
    assert.include(checkpoints.get("tested")!.get("checkpoint"), `"low":1`)
    assert.deepStrictEqual([...checkpoints.get("tested")!.keys()], ["checkpoint"])
    const waiting = new AbortController()
    await using other = await store.consume({ name: "tested", checkpoints, handler: () => undefined })
    const refused = store.consume({
      name: "tested",
      checkpoints,
      handler: () => undefined,
      onClaimed: "wait",
      signal: waiting.signal
    })
    waiting.abort()
    assert.instanceOf(await reasonOf(refused), PromiseStore.Aborted)
    const aborted = AbortSignal.abort()
    assert.instanceOf(await reasonOf(other.whenProcessed(99, { signal: aborted })), PromiseStore.Aborted)
    await other.whenCaughtUp()
  })

  it("stops with its store, after the calls that run, with a checkpoint of what they did", async () => {
    const storage = MemoryStorage.makeShared().layer
    const checkpoints: PromiseStore.CheckpointMap = new Map()
    const store = await PromiseStore.open("lib", { storage })
    await store.append("order-1", made)
    const { promise, resolve } = Promise.withResolvers<void>()
    let calls = 0
    const consumer = await store.consume({ name: "tested", checkpoints, handler: () => (calls++, promise) })
    await vi.waitUntil(() => calls === 1)
    const closed = store.close()
    resolve()
    await closed
    await consumer.done
    await consumer.stop()
    assert.include(checkpoints.get("tested")!.get("checkpoint"), `"low":1`)
    assert.strictEqual((await reasonOf(consumer.status()))._tag, "LibClosed")
  })

  it("refuses what it does not know, by name", async () => {
    await using store = await openStore()
    const handler = () => undefined
    const wrong: ReadonlyArray<readonly [object | undefined, string]> = [
      [undefined, "options.name"],
      [{ handler, checkpoints: "x" }, "options.name"],
      [{ name: "a", checkpoints: "x" }, "options.handler"],
      [{ name: "a", handler }, "options.checkpoints"],
      [{ name: "a", handler, checkpoints: "" }, "options.checkpoints"],
      [{ name: "a", handler, checkpoints: {} }, "options.checkpoints"],
      [{ name: "a", handler, checkpoints: new Map(), retry: { factor: 0 } }, "options.retry.factor"],
      [{ name: "a", handler, checkpoints: new Map(), retry: { pauses: 0 } }, "options.retry.pauses"],
      [{ name: "a", handler, checkpoints: new Map(), onPoisons: "park" }, "options.onPoisons"],
      [{ name: "a", handler, checkpoints: new Map(), stallAfter: 0 }, "options.stallAfter"]
    ]
    for (const [options, argument] of wrong) {
      const error = await reasonOf(store.consume(options as never))
      assert.instanceOf(error, InvalidArgument)
      assert.deepInclude(error, { call: "PromiseStore.consume", argument })
    }
    await using consumer = await store.consume({ name: "a", handler, checkpoints: new Map() })
    for (const junk of [undefined, -1, Number.NaN, "3"]) {
      assert.instanceOf(await reasonOf(consumer.whenProcessed(junk as never)), InvalidArgument)
      assert.instanceOf(await reasonOf(consumer.reset(junk as never)), InvalidArgument)
    }
  })
})
