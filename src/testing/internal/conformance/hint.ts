/** The hint: overwritten in place, for readers in other processes. */
import * as Effect from "effect/Effect"
import { same } from "./expect.ts"
import { bytes, type Demand, open, openLib, text } from "./ground.ts"

export const hintDemands: ReadonlyArray<Demand> = [
  {
    name: "the hint is overwritten in place, even for readers that were opened before",
    promise: "the hint is overwritten in place: if the new bytes are fewer, the rest of the old ones stays",
    body: (ground) =>
      Effect.gen(function* () {
        const at = ground.place()
        const root = yield* openLib(ground, at)
        const reader = yield* open(ground, at, "read")
        same("a hint that was never written", yield* reader.hint.read, undefined)
        yield* root.hint.write(bytes("batch 1\n"))
        same("the hint, as a reader sees it", text(yield* reader.hint.read), "batch 1\n")
        yield* root.hint.write(bytes("batch 2\n"))
        same("the next hint, as that reader sees it", text(yield* reader.hint.read), "batch 2\n")
        yield* root.hint.write(bytes("x"))
        same("the hint after a shorter one", text(yield* root.hint.read), "xatch 2\n")
      })
  }
]
