/** The placement of a lib that lost its meta is derived from the streams on its tapes. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Lib from "litetapes/Lib"
import type { Placement } from "litetapes/Placement"
import { Storage } from "litetapes/Storage"
import { flush, storeOf, withLib } from "../../support/openLib.ts"
import { crashed, type TransformKind } from "../../support/transformGround.ts"

const streams = ["order-1", "order-2", "customer", "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0", "customer-1"]

const placements: ReadonlyArray<Placement> = [
  { kind: "category-or-shared" },
  { kind: "category" },
  { kind: "single" },
  { kind: "stream" }
]

export const recoverPlacementContract = ({ ground, place }: TransformKind): void => {
  describe("recovery of a lib that lost its placement", () => {
    it.live.each(placements)(
      "finds every stream where it is, placed by $kind: in segments, and in no segment yet",
      (placement) =>
        Effect.gen(function* () {
          const own = yield* ground
          for (const isFlushed of [true, false]) {
            const [at, left] = [place(), place()]
            const made = withLib(own.storage, at, () => Effect.void, { placement })
            yield* made
            yield* crashed(own, at, left, (lib) =>
              Effect.gen(function* () {
                const store = yield* storeOf(lib)
                for (const stream of streams) yield* store.append(stream, [{ type: "T", data: stream }])
                if (isFlushed) for (const { name } of yield* lib.tapes) yield* flush(lib, name)
              })
            )
            yield* own.loseMeta(left, undefined)
            const { invalid, positionsMissing } = yield* Effect.provideService(Lib.recover(left), Storage, own.storage)
            assert.deepStrictEqual([invalid, positionsMissing], [[], 0])
            yield* withLib(own.storage, left, (lib) =>
              Effect.gen(function* () {
                assert.deepStrictEqual(lib.placement, placement)
                const store = yield* storeOf(lib)
                for (const stream of streams) {
                  const events = yield* Stream.runCollect(store.read(stream))
                  assert.deepStrictEqual(
                    events.map(({ data }) => data),
                    [stream]
                  )
                }
              })
            )
          }
        })
    )
  })
}
