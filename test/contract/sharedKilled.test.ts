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

type Line = Partial<Acknowledged> & {
  readonly name: string
  readonly mode?: string
  readonly pid?: number
  readonly done?: true
}

const allEvents = (folder: string): Promise<ReadonlyArray<EventStore.RecordedEvent>> =>
  Effect.runPromise(
    Effect.flatMap(SharedStore.open(folder), (store) => Stream.runCollect(store.readAll())).pipe(
      Effect.scoped,
      Effect.provide(NodeStorage.layer)
    )
  )

const names = ["p0", "p1", "p2", "p3"]
const times = 160

describe("processes that share a lib", () => {
  it("append every event once, and lose none that was acknowledged, although their writers are killed", () =>
    withScratch("memory", async (scratch) => {
      const folder = path.join(scratch, "lib")
      const acknowledged: Array<Acknowledged> = []
      const modes = new Map<string, string>()
      const pids = new Map<string, number>()
      const done = new Set<string>()
      const killed = new Set<string>()
      const onLine = (line: string): void => {
        const said = JSON.parse(line) as Line
        if (said.mode !== undefined) {
          modes.set(said.name, said.mode)
          pids.set(said.name, said.pid!)
        } else if (said.done === true) done.add(said.name)
        else acknowledged.push(said as Acknowledged)
      }
      const start = (name: string, ...forked: ReadonlyArray<string>): Child =>
        startChild({ script, args: [name, folder, `${times}`, ...forked], scratch, onLine })
      // The last one is a fork of the first one.
      const children = [start("p0", "p3"), start("p1"), start("p2")]
      const kill = (name: string): void => {
        process.kill(pids.get(name)!, "SIGKILL")
        killed.add(name)
      }
      const left = (): ReadonlyArray<string> => names.filter((name) => !killed.has(name))
      try {
        for (let kills = 1; kills <= 2; kills++) {
          const isWriter = (name: string): boolean => modes.get(name) === "write"
          await until("enough was appended by all that are left", () =>
            left().every((name) => acknowledged.filter((one) => one.name === name).length >= 40 * kills)
          )
          await until("one of them is the writer", () => left().some(isWriter))
          kill(left().find(isWriter)!)
        }
        await until("the others are done", () => left().every((name) => done.has(name)))
      } finally {
        for (const name of left()) if (pids.has(name)) kill(name)
        for (const child of children) child.send("SIGKILL")
        await Promise.all(children.map(({ ended }) => ended))
      }
      assert.deepStrictEqual(
        children.map((child) => child.complaints()).filter((one) => one !== ""),
        []
      )
      const all = await allEvents(folder)
      for (const { name, n, own, shared } of acknowledged) {
        assert.deepStrictEqual([all[own]?.stream, all[own]?.data], [`own-${name}`, { name, n }])
        assert.deepStrictEqual([all[shared]?.stream, all[shared]?.data], ["shared-1", { name, n }])
      }
      // Each process has appended 0, 1, 2 … in order, each once, to both streams; the last one may be unacknowledged.
      for (const name of names) {
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
