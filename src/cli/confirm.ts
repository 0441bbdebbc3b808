/** Says what a command is about to change, and asks. */
import * as Effect from "effect/Effect"
import { AnswerIsNo, type OutputClosed, Usage } from "./errors.ts"
import type { Changing } from "./flags.ts"
import { Output } from "./Output.ts"
import { visible } from "./text/visible.ts"

/**
 * Runs a change if the caller agrees. `plan` says what it does, a sentence a line. With `--dry-run` it is printed and
 * nothing is done. With `--yes` nobody is asked. Without a terminal nobody can be asked, so one of the two is needed.
 */
export const confirmed = <E, R>(
  plan: ReadonlyArray<string>,
  { dryRun, yes }: Changing,
  change: Effect.Effect<void, E, R>
): Effect.Effect<void, E | AnswerIsNo | OutputClosed | Usage, R | Output> =>
  Effect.gen(function* () {
    const output = yield* Output
    const lines = plan.map(visible)
    if (dryRun) return yield* output.print(lines)
    if (yes) return yield* change
    if (!output.canAsk) {
      return yield* new Usage({
        message: `${lines.join(" ")} Nobody can be asked here: run it again with --yes, or with --dry-run to do nothing.`
      })
    }
    const answer = yield* output.ask(`${lines.join("\n")}\nContinue? [y/N] `)
    if (!/^\s*y(?:es)?\s*$/i.test(answer)) {
      yield* output.note("Nothing was done.\n")
      return yield* new AnswerIsNo()
    }
    yield* change
  })
