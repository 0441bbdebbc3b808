/** What keeps a process alive that did not close its store: calls that are under way, and nothing else. */
import * as PromiseStore from "litetapes/PromiseStore"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it, onTestFinished } from "vitest"
import { startChild } from "../support/children.ts"
import { names } from "../support/programs/leftOpen.ts"

const scratch = mkdtempSync(join(tmpdir(), "litetapes-alive-"))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const script = new URL("../support/programs/leftOpen.ts", import.meta.url)

describe("a process that leaves its store open", () => {
  // A process that does not end is a timeout of the test.
  it.each(names)("ends by itself, and what it acknowledged is there: %s", async (name) => {
    const folder = join(scratch, `${names.indexOf(name)}`)
    {
      await using store = await PromiseStore.open(folder)
      await store.append("order-0", [{ type: "Counted", id: "before" }])
    }
    const lines: Array<string> = []
    const child = startChild({ script, args: [name, folder], scratch, onLine: (line) => void lines.push(line) })
    onTestFinished(() => child.send("SIGKILL"))
    assert.deepStrictEqual(await child.ended, { code: 0, signal: null }, child.complaints())
    assert.include(lines, "used")
    const acknowledged = lines.filter((line) => line.startsWith("acknowledged")).map((line) => line.split(" ")[1])
    if (name.startsWith("appends")) assert.lengthOf(acknowledged, 300)
    await using store = await PromiseStore.open(folder)
    const ids = new Set<string>()
    for await (const { id } of store.readAll()) ids.add(id)
    for (const id of ["before", ...acknowledged]) assert.isTrue(ids.has(id!), id)
    assert.isTrue((await store.verify()).ok)
  })

  it.each(["write", "read"])(
    "stays while a subscription is open or a consumer runs, and not after it has ended: %s",
    async (mode) => {
      const folder = join(scratch, `subscribed-${mode}`)
      {
        await using store = await PromiseStore.open(folder)
        await store.append("order-0", [{ type: "Counted" }])
      }
      const lines: Array<string> = []
      const program = new URL("../support/programs/subscribed.ts", import.meta.url)
      const child = startChild({
        script: program,
        args: [mode, folder],
        scratch,
        onLine: (line) => void lines.push(line)
      })
      onTestFinished(() => child.send("SIGKILL"))
      assert.deepStrictEqual(await child.ended, { code: 0, signal: null }, child.complaints())
      const subscribed = ["event 0", "kept alive", "AbortError", "event 0", "left by break", "not kept alive"]
      assert.deepStrictEqual(lines, subscribed.concat("kept alive", "not kept alive"))
    }
  )
})
