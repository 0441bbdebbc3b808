/**
 * The contract of every `Storage`: the public suite (`litetapes/testing`), and what only the storages of this package
 * promise. `location` returns a place that was never used before, and that can be created by opening it for writing.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Storage } from "litetapes/Storage"
import { Conformance } from "litetapes/testing"
import { bytes, openLib } from "./storage/support.ts"

export const suite = (name: string, layer: Layer.Layer<Storage>, location: () => string): void => {
  describe(`Storage: ${name}`, () => {
    for (const check of Conformance.all(Conformance.fromLayer(layer, location))) {
      it.live(check.name, () => check.run)
    }

    it.live("names quarantined bytes after their file", () =>
      Effect.gen(function* () {
        const root = yield* openLib(location())
        const first = yield* root.quarantine.keep("order/tape.meta.jsonl", bytes("torn"))
        const second = yield* root.quarantine.keep("order/tape.meta.jsonl", bytes("torn"))
        for (const place of [first, second]) assert.match(place, /litelib\.order_tape\.meta\.jsonl(?:-2)?\.quarantine$/)
      }).pipe(Effect.provide(layer))
    )
  })
}
