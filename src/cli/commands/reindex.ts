/** `litetapes reindex` */
import * as Effect from "effect/Effect"
import { confirmed } from "../confirm.ts"
import { AnswerIsNo } from "../errors.ts"
import { type Changing, JsonFlag } from "../flags.ts"
import { within, writer } from "../openLib.ts"
import { Output } from "../Output.ts"
import { withProgress } from "../progress.ts"
import { counted } from "../text/units.ts"

const reindex = Effect.gen(function* () {
  const output = yield* Output
  const lib = yield* writer
  // A writer rebuilds each index that differs from what its segment says.
  const { bad, indexesRebuilt } = yield* withProgress("reindexing", (onProgress) => lib.verify({ onProgress }))
  if (yield* JsonFlag) yield* output.json({ rebuilt: indexesRebuilt, damaged: bad.length })
  else yield* output.say(`rebuilt ${counted(indexesRebuilt.length, "index", "indexes")}`)
  if (bad.length === 0) return
  yield* output.note(
    `litetapes: ${counted(bad.length, "damaged place")}: an index cannot mend that.\nTry: litetapes doctor\n`
  )
  return yield* new AnswerIsNo()
})

export const run = (input: Changing) =>
  confirmed(
    ["Rebuilds every index that is missing or damaged, and reads the whole lib for it."],
    input,
    within(reindex)
  )
