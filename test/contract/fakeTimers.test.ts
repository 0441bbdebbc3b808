/** Stores under the fake timers of Vitest, as the guide recommends them (docs/GUIDE.md, "Testing your application"). */
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeStorage from "litetapes/NodeStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] })
})

afterEach(() => {
  vi.useRealTimers()
})

const storages = [
  { name: "memory", storage: MemoryStorage.layer },
  { name: "a folder", storage: NodeStorage.layer }
]

describe.each(storages)("a store in $name under fake timers", ({ storage }) => {
  it("has one timer while it has events that are in no segment, and takes its times from the fake date", async () => {
    await using store = await PromiseStore.open(newPlace(), { storage })
    assert.strictEqual(vi.getTimerCount(), 0)
    vi.setSystemTime("2031-02-03T04:05:06.789Z")
    for (let n = 0; n < 3; n++) {
      await store.append("order-1", [{ type: "Counted", data: n }])
      assert.strictEqual(vi.getTimerCount(), 1)
      // Nearly a hundred years: one timer, which fires once.
      await vi.advanceTimersByTimeAsync(100 * 365 * 86_400_000)
      const tape = await store.tape("order")
      while ((await tape.segments()).reduce((sum, { records }) => sum + records, 0) <= n)
        await new Promise(setImmediate)
      assert.strictEqual(vi.getTimerCount(), 0)
    }
    const times: Array<string> = []
    for await (const { time } of store.readAll()) times.push(time.slice(0, 4))
    assert.deepStrictEqual(times, ["2031", "2131", "2230"])
  })
})
