/**
 * Vitest's `vmThreads` and `vmForks` run tests in a realm of their own: `structuredClone`, `fetch` and Node's modules
 * return objects of another one. These tests run in both.
 */
import { assert, describe, it } from "@effect/vitest"
import * as PromiseStore from "litetapes/PromiseStore"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const newPath = temporaryFolder()

const data = { customer: "Ada", lines: [{ cents: 3998, gift: null }], open: true }

const sources: Record<string, () => Promise<unknown>> = {
  "structuredClone()": async () => structuredClone(data),
  "fetch().json()": async () => {
    const response = await fetch(`data:application/json,${encodeURIComponent(JSON.stringify(data))}`)
    return response.json()
  },
  "JSON.parse()": async () => JSON.parse(JSON.stringify(data)) as unknown
}

/** More than one read of the disk returns at once. */
const many = Array.from({ length: 50 }, (_, n) => ({ type: "Filled", data: { n, text: "x".repeat(50_000) } }))

describe("in a realm of its own", () => {
  it("values of another realm arrive", async () => {
    const clone = structuredClone(data)
    assert.notStrictEqual<unknown>(Object.getPrototypeOf(clone), Object.prototype)
    assert.notStrictEqual<unknown>(Object.getPrototypeOf(clone.lines), Array.prototype)
  })

  it.each(Object.keys(sources))("appends what %s returned, as data, metadata and tags", async (name) => {
    const store = await PromiseStore.open(newPath())
    const value = (await sources[name]!()) as typeof data
    const metadata = { origin: value }
    const tags = structuredClone(["web"])
    await store.append("order-1", structuredClone([{ type: "Placed", data: value, metadata, tags, id: "1" }]), {
      expected: "no-stream",
      correlationId: "c"
    })
    const again = [{ type: "Placed", data, metadata: { origin: data }, tags: ["web"], id: "1" }]
    assert.isTrue((await store.append("order-1", again, { correlationId: "c" })).repeated)
    for await (const event of store.read("order-1")) {
      assert.strictEqual(JSON.stringify(event.data), JSON.stringify(data))
      assert.deepStrictEqual(event.tags, ["web"])
    }
    await store.close()
  })

  it("fails with the usual errors, closes, and opens again", async () => {
    const location = newPath()
    const first = await PromiseStore.open(location)
    await first.append("order-1", many)
    const rejected = (promise: Promise<unknown>): Promise<unknown> =>
      promise.then(
        () => assert.fail("it succeeded"),
        (error: unknown) => error
      )
    assert.deepInclude(await rejected(first.append("order-1", [{ type: "X" }], { expected: 0 })), {
      _tag: "WrongExpectedRevision",
      actual: 49
    })
    assert.deepInclude(await rejected(first.append("order-1", [{ type: "X", data: new Date(0) }])), {
      _tag: "TaraSONError"
    })
    assert.deepInclude(await rejected(PromiseStore.open(location)), { _tag: "LibLocked" })
    await first.close()
    const second = await PromiseStore.open(location)
    assert.strictEqual(await second.revision("order-1"), 49)
    await second.close()
  })
})
