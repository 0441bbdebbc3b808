/** The quarantine: bytes that nothing reads again. */
import * as Effect from "effect/Effect"
import { refused, same } from "./expect.ts"
import { bytes, type Demand, keeps, open, openLib, unsafeNames } from "./ground.ts"

export const quarantineDemands: ReadonlyArray<Demand> = [
  {
    name: "what is set aside is never overwritten, and counts for nothing else",
    promise: "keep keeps bytes for a human to look at; the result says where",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        const places = yield* Effect.scoped(
          Effect.gen(function* () {
            const root = yield* openLib(ground, at)
            const names = ["litelib.dynamic-000001.jsonl", "litelib.dynamic-000001.jsonl", "order/tape.meta.jsonl"]
            const kept = yield* Effect.forEach(names, (name, n) => root.quarantine.keep(name, bytes(`torn ${n}`)), {
              concurrency: "unbounded"
            })
            for (const name of unsafeNames) {
              const shown = JSON.stringify(name)
              yield* refused(`keep of ${shown}`, root.quarantine.keep(name, bytes("x")), "unsafe")
            }
            return kept
          })
        )
        same("how many places three were kept at", new Set(places).size, 3)
        yield* keeps(ground, at, ["torn 0", "torn 1", "torn 2"])
        const root = yield* open(ground, at)
        same("dynamic segments", yield* root.journal.list, [])
        same("tapes", yield* root.tapes.list, ["order"])
        const place = yield* root.quarantine.keep("litelib.dynamic-000001.jsonl", bytes("torn again"))
        same("whether another opening keeps at a place that was given before", places.includes(place), false)
      })
  }
]
