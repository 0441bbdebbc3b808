/** `litetapes init` */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as NodeStorage from "../../layers/NodeStorage.ts"
import * as Lib from "../../services/Lib.ts"
import { JsonFlag } from "../flags.ts"
import { locationOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { placementOption } from "../placement.ts"
import { visible } from "../text/visible.ts"

interface Input {
  readonly path: Option.Option<string>
  readonly placement: Option.Option<string>
  readonly dryRun: boolean
}

const program = ({ dryRun, path, placement }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const location = yield* locationOf(path)
    const placed = yield* placementOption(placement)
    if (dryRun) return yield* output.print([visible(`Creates a lib at ${location}.`)])
    const lib = yield* Effect.provide(Lib.open(location, { create: "must", ...placed }), NodeStorage.layer)
    yield* (yield* JsonFlag)
      ? output.json({ lib: lib.id, location: lib.location, placement: lib.placement })
      : output.say(`created lib ${lib.id} at ${lib.location}`)
  })

export const run = (input: Input) => within(program(input))
