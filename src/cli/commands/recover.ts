/** `litetapes recover` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as NodeStorage from "../../layers/NodeStorage.ts"
import * as Lib from "../../services/Lib.ts"
import { confirmed } from "../confirm.ts"
import { Usage } from "../errors.ts"
import { type Changing, JsonFlag } from "../flags.ts"
import { locationOf, within, writer } from "../openLib.ts"
import { Output } from "../Output.ts"
import { placementOption } from "../placement.ts"
import { withProgress } from "../progress.ts"
import { counted } from "../text/units.ts"
import { visible } from "../text/visible.ts"

interface Input extends Changing {
  readonly tape: Option.Option<string>
  readonly placement: Option.Option<string>
}

const recoverTape = (name: string) =>
  Effect.gen(function* () {
    const output = yield* Output
    const lib = yield* writer
    const report = yield* withProgress("recovering", (onProgress) => lib.recoverTape(name, { onProgress }))
    if (yield* JsonFlag) return yield* output.json(report)
    const { losses, records } = report
    const lost = losses.length === 0 ? "nothing is lost" : `${counted(losses.length, "range")} of records may be lost`
    yield* output.note(visible(`recovered ${name}: ${counted(records, "record")}, ${lost}`) + "\n")
  })

const recoverLib = (location: string, placement: Option.Option<string>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const placed = yield* placementOption(placement)
    const report = yield* Effect.provide(Lib.recover(location, placed), NodeStorage.layer)
    if (yield* JsonFlag) return yield* output.json(report)
    const { invalid, lostBatches, tapes } = report
    const lost =
      lostBatches.length === 0 ? "no batch is lost" : `${counted(lostBatches.length, "range")} of batches are lost`
    yield* output.note(visible(`recovered ${counted(tapes.length, "tape")}; ${lost}`) + "\n")
    for (const { tape, why } of invalid) yield* output.note(visible(`tape ${tape}: ${why}`) + "\n")
    if (invalid.length > 0) yield* output.note("Try: litetapes recover TAPE for each of them\n")
  })

export const run = (input: Input) =>
  Effect.gen(function* () {
    const { placement, tape } = input
    const location = yield* locationOf()
    if (Option.isSome(tape)) {
      if (Option.isSome(placement))
        return yield* new Usage({ message: "--placement is for a lib, and not for a tape." })
      const plan = [
        `Rebuilds the meta of the tape ${tape.value} in ${location} from its segments, under a new id.`,
        "Deletes nothing. Its user metadata is lost."
      ]
      return yield* confirmed(plan, input, within(recoverTape(tape.value)))
    }
    const plan = [
      `Rebuilds the meta of the lib ${location} from its tapes, under a new id.`,
      "Sets the damaged meta aside, and deletes nothing."
    ]
    yield* confirmed(plan, input, recoverLib(location, placement))
  })
