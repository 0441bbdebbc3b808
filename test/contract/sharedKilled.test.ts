/** Several processes append to one lib, and the writer among them is killed. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import * as SharedStore from "litetapes/SharedStore"
import * as path from "node:path"
import { assert, describe, it } from "vitest"
import { type Child, startChild, until, withScratch } from "../support/children.ts"

const script = new URL("../support/programs/shareAndAppend.ts", import.meta.url)

interface Acknowledged {
  readonly name: string
  readonly n: number
  readonly own: number
  readonly shared: number
}

type Line = Partial<Acknowledged> & { readonly name: string; readonly mode?: string; readonly done?: true }

const allEvents = (folder: string): Promise<ReadonlyArray<EventStore.RecordedEvent>> =>
  Effect.runPromise(
    Effect.flatMap(SharedStore.open(folder), (store) => Stream.runCollect(store.readAll())).pipe(
      Effect.scoped,
      Effect.provide(NodeStorage.layer)
    )
  )

const processes = 4
const times = 160

describe("processes that share a lib", () => {
  it("append every event once, and lose none that was acknowledged, although their writers are killed", () =>
    withScratch("memory", async (scratch) => {
      const folder = path.join(scratch, "lib")
      const acknowledged: Array<Acknowledged> = []
      const modes = new Map<string, string>()
      const done = new Set<string>()
      const children = new Map<string, Child>()
      const onLine = (line: string): void => {
        const said = JSON.parse(line) as Line
        if (said.mode !== undefined) modes.set(said.name, said.mode)
        else if (said.done === true) done.add(said.name)
        else acknowledged.push(said as Acknowledged)
      }
      for (let n = 0; n < processes; n++) {
        const name = `p${n}`
        children.set(name, startChild({ script, args: [name, folder, `${times}`], scratch, onLine }))
      }
      try {
        for (let kills = 1; kills <= 2; kills++) {
          const isWriter = (name: string): boolean => modes.get(name) === "write" && children.has(name)
          await until("enough was appended by all that are left", () =>
            [...children.keys()].every((name) => acknowledged.filter((one) => one.name === name).length >= 40 * kills)
          )
          await until("one of them is the writer", () => [...children.keys()].some(isWriter))
          const name = [...children.keys()].find(isWriter)!
          const child = children.get(name)!
          child.send("SIGKILL")
          await child.ended
          children.delete(name)
        }
        await until("the others are done", () => [...children.keys()].every((name) => done.has(name)))
      } finally {
        for (const child of children.values()) child.send("SIGKILL")
        await Promise.all([...children.values()].map(({ ended }) => ended))
      }
      const complaints = [...children.values()].map((child) => child.complaints())
      assert.deepStrictEqual(
        complaints.filter((one) => one !== ""),
        []
      )
      const all = await allEvents(folder)
      for (const { name, n, own, shared } of acknowledged) {
        assert.deepStrictEqual([all[own]?.stream, all[own]?.data], [`own-${name}`, { name, n }])
        assert.deepStrictEqual([all[shared]?.stream, all[shared]?.data], ["shared-1", { name, n }])
      }
      // Each process has appended 0, 1, 2 … in order, each once, to both streams; the last one may be unacknowledged.
      for (let p = 0; p < processes; p++) {
        const name = `p${p}`
        const mine = acknowledged.filter((one) => one.name === name).length
        for (const stream of [`own-${name}`, "shared-1"]) {
          const numbers = all.flatMap((event) => {
            const data = event.data as { readonly name: string; readonly n: number }
            return event.stream === stream && data.name === name ? [data.n] : []
          })
          assert.deepStrictEqual(
            numbers,
            numbers.map((_, n) => n)
          )
          assert.include([mine, mine + 1], numbers.length)
        }
        if (done.has(name)) assert.strictEqual(mine, times)
      }
    }))
})
