/** A query reads nothing but its own tapes where another tape of the same dynamic segment is damaged. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import { DiskState, SimulatedDisk } from "litetapes/testing"
import { Disk } from "../../src/services/ports/Disk.ts"
import { isDynamic } from "../support/countedDisk.ts"
import { openSession, storeOf, tagOf } from "../support/openLib.ts"

const filters: ReadonlyArray<EventStore.EventFilter> = [
  { types: ["Seldom"] },
  { tags: ["third"] },
  { tags: ["third"], types: ["Noted"] },
  { tags: ["none"] }
]

const total = 60

describe("a query of one category", () => {
  it.live.each(["writer", "reader"] as const)(
    "succeeds in a %s while an event of another category in the same dynamic segment cannot be read",
    (who) =>
      Effect.gen(function* () {
        const disk = SimulatedDisk.make()
        const storage = yield* Effect.provideService(FolderStorage.make, Disk, disk.disk)
        const writer = yield* openSession(storage, "/lib")
        const written = yield* storeOf(writer.lib)
        for (let n = 0; n < total; n++) {
          yield* written.append(n % 2 === 0 ? "order-1" : "bill-1", [
            {
              type: n % 5 === 0 ? "Seldom" : "Noted",
              tags: [n % 3 === 0 ? "third" : "other"],
              data: { n, mark: `<${n}>` }
            }
          ])
        }
        const session = who === "writer" ? writer : yield* openSession(storage, "/lib", { mode: "read" })
        const store = yield* storeOf(session.lib)
        const all = yield* Stream.runCollect(store.readAll({ filter: { categories: ["order"] } }))
        assert.lengthOf(all, total / 2)
        // A bit of an event of the other category.
        const [path, bytes] = [...DiskState.contents(disk.state())].find(([name]) => isDynamic(name))!
        const at = Buffer.from(bytes!).indexOf("<31>") + 1
        disk.change((state) => DiskState.write(state, DiskState.lookUp(state, path)!, at, Buffer.from("8")))
        for (let time = 0; time < 2; time++) {
          for (const filter of filters) {
            for (const direction of ["forward", "backward"] as const) {
              const options = { filter: { ...filter, categories: ["order"] }, direction }
              const found = yield* Stream.runCollect(store.readAll(options))
              const wanted = all.filter(
                ({ tags, type }) =>
                  filter.types?.includes(type) !== false && filter.tags?.every((tag) => tags.includes(tag)) !== false
              )
              assert.deepStrictEqual(found, direction === "forward" ? wanted : wanted.toReversed())
            }
          }
          // It is not hidden from those who ask for it.
          const other = store.readAll({ filter: { tags: ["other"], categories: ["bill"] } })
          assert.strictEqual(yield* tagOf(Stream.runDrain(other)), "SegmentCorrupt")
        }
        if (who === "reader") yield* session.close
        yield* Effect.exit(writer.close)
      })
  )
})
