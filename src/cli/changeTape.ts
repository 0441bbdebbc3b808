/** Small changes of a tape. */
import * as Effect from "effect/Effect"
import type { LibService } from "../services/Lib.ts"
import { confirmed } from "./confirm.ts"
import { type Changing, JsonFlag } from "./flags.ts"
import { requireTape, within, writer } from "./openLib.ts"
import { Output } from "./Output.ts"

/** Requires the tape, asks, opens the lib for writing, and changes it. `--json` prints `result`. */
export const changeTape = <E>(
  tape: string,
  plan: ReadonlyArray<string>,
  changing: Changing,
  change: (lib: LibService) => Effect.Effect<void, E>,
  result: object
) => {
  const changed = Effect.gen(function* () {
    const output = yield* Output
    yield* change(yield* writer)
    if (yield* JsonFlag) yield* output.json(result)
  })
  return Effect.andThen(requireTape(tape), confirmed(plan, changing, within(changed)))
}
