/** The quarantine: bytes that are never read again. */
import * as Effect from "effect/Effect"
import { refused, same } from "./expect.ts"
import { bytes, type Demand, keeps, open, openLib, unsafeNames } from "./ground.ts"

export const quarantineDemands: ReadonlyArray<Demand> = [
  {
    name: "quarantined bytes are never overwritten, and are not taken for anything else",
    promise: "keep keeps bytes for somebody to inspect; the result is where",
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
        same("at how many places three files were kept", new Set(places).size, 3)
        yield* keeps(ground, at, ["torn 0", "torn 1", "torn 2"])
        const root = yield* open(ground, at)
        same("dynamic segments", yield* root.journal.list, [])
        same("tapes", yield* root.tapes.list, ["order"])
        const place = yield* root.quarantine.keep("litelib.dynamic-000001.jsonl", bytes("torn again"))
        same("whether another opening reuses a place", places.includes(place), false)
      })
  }
]
