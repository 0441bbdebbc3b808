/** The read of a condition: whom it delays, and what happens if more is appended meanwhile than the writer keeps in memory. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import type { Storage } from "litetapes/Storage"
import { collidingTags } from "../support/collidingTerms.ts"
import { changeRoot } from "../support/changeRoot.ts"
import { openStore } from "../support/openLib.ts"
import { gate } from "./eventstore/support.ts"

/** Opens a store, in which the reads of one dynamic segment after the other can be held up. */
const openHeld = Effect.gen(function* () {
  const base = yield* MemoryStorage.make
  const held = { read: Effect.void as Effect.Effect<unknown> }
  const storage: Storage["Service"] = {
    open: (place, mode) =>
      Effect.map(base.open(place, mode), (root) =>
        changeRoot(root, {
          journal: {
            read: (...args) =>
              Effect.andThen(
                Effect.suspend(() => held.read),
                root.journal.read(...args)
              ),
            readRanges: (...args) =>
              Effect.andThen(
                Effect.suspend(() => held.read),
                root.journal.readRanges(...args)
              )
          }
        })
      )
  }
  const { store } = yield* openStore(storage)
  return { store, held }
})

const taken: EventStore.Query = [{ tags: ["mail:ada"] }]

const register = (store: EventStore.EventStore["Service"], stream: string) =>
  store.append(stream, [{ type: "Registered", tags: ["mail:ada"] }], {
    condition: { failIfEventsMatch: taken, after: "nothing" }
  })

const many = (count: number): ReadonlyArray<EventStore.NewEvent> =>
  Array.from({ length: count }, () => ({ type: "Noted" }))

describe("the read of a condition", () => {
  it.effect("delays no other append, and what is appended meanwhile counts", () =>
    Effect.gen(function* () {
      const { held, store } = yield* openHeld
      yield* store.append("note", many(3))
      const first = yield* gate
      held.read = first.pass
      const late = yield* Effect.forkChild(Effect.flip(register(store, "user-1")))
      yield* first.reached
      yield* store.append("note", many(3))
      yield* store.append("user-2", [{ type: "Registered", tags: ["mail:ada"] }])
      held.read = Effect.void
      yield* first.open
      assert.deepInclude(yield* Fiber.join(late), { _tag: "ConditionFailed", stream: "user-2", position: 6 })
    })
  )

  it.effect("continues if more was appended meanwhile than is kept in memory", () =>
    Effect.gen(function* () {
      const { held, store } = yield* openHeld
      // An event whose tag has the hash of the one that matters: it is read, and found to be another.
      const [other, wanted] = collidingTags
      for (const isTaken of [false, true]) {
        yield* store.append("note", [{ type: "Noted", tags: [other] }, ...many(3)])
        const first = yield* gate
        held.read = first.pass
        const late = yield* Effect.forkChild(
          Effect.exit(
            store.append("user-1", [{ type: "Asked" }], {
              condition: { failIfEventsMatch: [{ tags: [wanted] }], after: "nothing" }
            })
          )
        )
        yield* first.reached
        const matching = [...(isTaken ? [{ type: "Registered", tags: [wanted] }] : []), ...many(20_000)]
        yield* store.append("note", matching)
        yield* store.append("note", many(20_000))
        held.read = Effect.void
        yield* first.open
        const exit = yield* Fiber.join(late)
        assert.strictEqual(exit._tag, isTaken ? "Failure" : "Success")
      }
    })
  )
})
