/** Export and import without Effect. */
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import { readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const place = temporaryFolder()

const open = () => PromiseStore.open("lib", { storage: MemoryStorage.layer })

const linesOf = async (store: PromiseStore.PromiseStore, options?: PromiseStore.PromiseExportOptions) => {
  const lines: Array<string> = []
  for await (const line of store.exportLines(options)) lines.push(line)
  return lines
}

describe("a promise store", () => {
  it("exports and imports lines and files", async () => {
    await using store = await open()
    await store.append("order-1", [{ type: "Placed", data: { n: 1 } }, { type: "Paid" }])
    const lines = await linesOf(store)
    await using copy = await open()
    const progress: Array<number> = []
    const report = await copy.importLines(lines, { onProgress: ({ done }) => progress.push(done.events) })
    assert.deepStrictEqual([report.appended, progress], [2, [2]])
    assert.deepStrictEqual(await linesOf(copy), lines)

    const path = place()
    const seen: Array<number> = []
    await store.exportFile(path, { onProgress: ({ next }) => seen.push(next) })
    assert.deepStrictEqual([readFileSync(path, "utf8"), seen], [`${lines.join("\n")}\n`, [2]])
    assert.strictEqual((await copy.importFile(path)).repeated, 2)

    await using other = await open()
    const cloudEvents = async function* () {
      yield* await linesOf(store, { format: "cloudevents" })
    }
    assert.strictEqual((await other.importLines(cloudEvents(), { format: "cloudevents" })).appended, 2)
    assert.deepStrictEqual(await linesOf(other), lines)
  })

  it("rejects at a bad line, or passes it on and waits", async () => {
    await using store = await open()
    const lines = ['{"$type":"A","id":"1","stream":"a-1"}', "nonsense", '{"$type":"A","id":"2","stream":"a-1"}']
    const error = await store.importLines(lines).catch((thrown: unknown) => thrown)
    assert.deepInclude(error, { _tag: "InvalidLine", line: 2 })
    let waited = false
    const onBadLine = async () => {
      await Promise.resolve()
      waited = true
    }
    const report = await store.importLines(lines, { onBadLine })
    assert.deepStrictEqual([report.appended, report.repeated, report.badLines, waited], [1, 1, 1, true])
  })

  it("rejects with what iterating throws, and once it is aborted", async () => {
    await using store = await open()
    const failing = async function* () {
      yield '{"$type":"A","id":"1","stream":"a-1"}'
      throw new Error("the source failed")
    }
    const failed = await store.importLines(failing()).catch((thrown: unknown) => thrown)
    assert.deepInclude(failed, { message: "the source failed" })
    const aborting = new AbortController()
    const endless = async function* () {
      for (let n = 0; ; n++) {
        yield `{"$type":"A","id":"${n}","stream":"b-1"}`
        if (n === 10) aborting.abort()
      }
    }
    const aborted = await store.importLines(endless(), { signal: aborting.signal }).catch((thrown: unknown) => thrown)
    assert.instanceOf(aborted, PromiseStore.Aborted)
    for (const wrong of ["a text", 7, [7], {}]) {
      const refused = await store.importLines(wrong as never).catch((thrown: unknown) => thrown)
      assert.deepInclude(refused, { _tag: "InvalidArgument", argument: "lines" })
    }
  })
})
