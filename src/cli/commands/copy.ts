/** `litetapes copy` */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import { confirmed } from "../confirm.ts"
import { type Changing, JsonFlag } from "../flags.ts"
import { reader, within } from "../openLib.ts"
import { otherPlace } from "../otherPlace.ts"
import { Output } from "../Output.ts"
import { placementOption } from "../placement.ts"
import { withProgress } from "../progress.ts"
import { counted } from "../text/units.ts"

interface Input extends Changing {
  readonly to: string
  readonly placement: Option.Option<string>
  readonly allowGaps: boolean
}

const program = ({ allowGaps, placement, to, ...changing }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const placed = yield* placementOption(placement)
    const lib = yield* reader
    const kind = placed.placement?.kind ?? lib.placement.kind
    const copying = Effect.gen(function* () {
      const report = yield* withProgress("copying", (onProgress) =>
        otherPlace(lib.copy(to, { ...placed, allowGaps, onProgress }))
      )
      if (yield* JsonFlag) return yield* output.json(report)
      const { events, left, tapes } = report
      yield* output.say(`copied ${counted(events, "event")} to ${counted(tapes, "tape")}`)
      if (left.length > 0) {
        yield* output.note(
          `${counted(left.length, "tape")} had user metadata or was archived, and no tape of the copy has that now; --json lists it\n`
        )
      }
    })
    yield* confirmed(
      [`Copies ${lib.location} to ${to} as a lib of its own, with placement ${kind}.`],
      changing,
      copying
    )
  })

export const run = (input: Input) => within(program(input))
