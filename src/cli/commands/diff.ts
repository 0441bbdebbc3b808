/** `litetapes diff` */
import * as Effect from "effect/Effect"
import * as Tape from "../../services/Tape.ts"
import { answerNo } from "../errors.ts"
import { JsonFlag } from "../flags.ts"
import { reader, readerAt, tapeOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { withProgress } from "../progress.ts"
import { count } from "../text/units.ts"

/** Opens TAPE of the lib, or PATH:TAPE. No name of a tape has a colon. */
const open = (text: string) => {
  const colon = text.lastIndexOf(":")
  return colon < 0
    ? Effect.flatMap(reader, (lib) => tapeOf(lib, text))
    : Effect.flatMap(readerAt(text.slice(0, colon)), (lib) => tapeOf(lib, text.slice(colon + 1)))
}

const program = (left: string, right: string) =>
  Effect.gen(function* () {
    const output = yield* Output
    const a = yield* open(left)
    const b = yield* open(right)
    const found = yield* withProgress("comparing", (onProgress) => Tape.diff(a, b, { onProgress }))
    const isJson = yield* JsonFlag
    if (found === undefined) return yield* isJson ? output.json({ equal: true }) : Effect.void
    const { ordinal } = found
    const printed = isJson
      ? output.json({ equal: false, ordinal, left: found.left ?? null, right: found.right ?? null })
      : output.print([
          `they differ from record ${count(ordinal)} on`,
          `${left}: ${found.left ?? "ends there"}`,
          `${right}: ${found.right ?? "ends there"}`
        ])
    return yield* answerNo(printed)
  })

export const run = ({ left, right }: { readonly left: string; readonly right: string }) => within(program(left, right))
