/** `litetapes restore` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as NodeStorage from "../../layers/NodeStorage.ts"
import * as Lib from "../../services/Lib.ts"
import { confirmed } from "../confirm.ts"
import { Usage } from "../errors.ts"
import { type Changing, JsonFlag } from "../flags.ts"
import { looksLikeLib } from "../openLib.ts"
import { isBackup, remember } from "../origin.ts"
import { otherPlace } from "../otherPlace.ts"
import { Output } from "../Output.ts"
import { withProgress } from "../progress.ts"

interface Input extends Changing {
  readonly from: string
  readonly to: string
  readonly upto: Option.Option<number>
}

export const run = ({ from, to, upto, ...changing }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const part = Option.isSome(upto) ? { upTo: upto.value } : {}
    const what = Option.isSome(upto) ? `the events before position ${upto.value}` : "everything"
    const plan = [`Restores ${what} of the backup ${from} as a new lib at ${to}.`]
    const restoring = Effect.gen(function* () {
      const report = yield* withProgress("restoring", (onProgress) =>
        otherPlace(Effect.provide(Lib.restore(from, to, { ...part, onProgress }), NodeStorage.layer))
      )
      if (yield* JsonFlag) return yield* output.json(report)
      yield* output.say(`restored ${report.location} up to position ${report.place.position}`)
    })
    if (!isBackup(from)) {
      const why = looksLikeLib(from) ? "it is a lib, and not a backup of one" : "there is no backup"
      return yield* new Usage({ message: `${from} cannot be restored: ${why}.` })
    }
    yield* Effect.tapError(confirmed(plan, changing, restoring), (error) => Effect.sync(() => remember(error, from)))
  })
