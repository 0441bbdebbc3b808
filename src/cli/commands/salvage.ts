/** `litetapes salvage` */
import * as Effect from "effect/Effect"
import { confirmed } from "../confirm.ts"
import { type Changing, JsonFlag } from "../flags.ts"
import { requireTape, within, writer } from "../openLib.ts"
import { word } from "../origin.ts"
import { Output } from "../Output.ts"
import { withProgress } from "../progress.ts"
import { counted } from "../text/units.ts"
import { visible } from "../text/visible.ts"

interface Input extends Changing {
  readonly tape: string
  readonly acceptLoss: boolean
}

const salvage = ({ acceptLoss, tape }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const lib = yield* writer
    const report = yield* withProgress("salvaging", (onProgress) => lib.salvageTape(tape, { acceptLoss, onProgress }))
    if (yield* JsonFlag) return yield* output.json(report)
    const { damaged, lost, records } = report
    yield* output.note(
      visible(
        `salvaged ${tape}: ${counted(records, "record")} left, ${counted(damaged.length, "damaged segment")}, ${counted(lost.length, "range")} of records lost`
      ) + "\n"
    )
    if (!acceptLoss && lost.length > 0)
      yield* output.note(
        visible(
          `Reads that pass the loss fail until litetapes accept-loss ${word(tape)} --lib ${word(lib.location)}.`
        ) + "\n"
      )
  })

export const run = (input: Input) =>
  Effect.andThen(
    requireTape(input.tape),
    confirmed(
      [
        `Rewrites the tape ${input.tape} from its first damaged segment on, keeping what checksums prove, under a new id.`,
        input.acceptLoss ? "Accepts the loss." : "Reads that pass the loss fail until it is accepted."
      ],
      input,
      within(salvage(input))
    )
  )
