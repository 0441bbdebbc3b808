/** `litetapes backup` */
import * as Effect from "effect/Effect"
import { confirmed } from "../confirm.ts"
import { type Changing, JsonFlag } from "../flags.ts"
import { reader, within } from "../openLib.ts"
import { otherPlace } from "../otherPlace.ts"
import { Output } from "../Output.ts"
import { withProgress } from "../progress.ts"
import { bytes, counted } from "../text/units.ts"

interface Input extends Changing {
  readonly target: string
}

const program = ({ target, ...changing }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const lib = yield* reader
    const plan = [`Backs up ${lib.location} to ${target}, which then is a backup of its present state.`]
    const backUp = Effect.gen(function* () {
      const report = yield* withProgress("backing up", (onProgress) => otherPlace(lib.backup(target, { onProgress })))
      if (yield* JsonFlag) return yield* output.json(report)
      const { copied, kept, place } = report
      yield* output.say(
        `backed up to position ${place.position}: copied ${counted(copied.segments, "segment")} (${bytes(copied.bytes)}), kept ${kept}`
      )
    })
    yield* confirmed(plan, changing, backUp)
  })

export const run = (input: Input) => within(program(input))
