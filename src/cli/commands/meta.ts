/** `litetapes meta` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Json } from "../../domain/json/TaraSON.ts"
import { changeTape } from "../changeTape.ts"
import { AnswerIsNo, Usage } from "../errors.ts"
import { type Changing, JsonFlag } from "../flags.ts"
import { reader, tapeOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { readJson } from "../readJson.ts"
import { visibleJson } from "../text/visible.ts"

interface Input extends Changing {
  readonly action: "get" | "set" | "unset"
  readonly tape: string
  readonly key: Option.Option<string>
  readonly value: Option.Option<string>
}

const get = ({ key, tape: name }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const tape = yield* tapeOf(yield* reader, name)
    const { userMeta } = yield* tape.meta
    if (Option.isSome(key)) {
      if (!Object.hasOwn(userMeta, key.value)) {
        yield* output.note(`litetapes: ${visibleJson(name)} has no value ${visibleJson(key.value)}\n`)
        return yield* new AnswerIsNo()
      }
      return yield* output.json(userMeta[key.value])
    }
    if (yield* JsonFlag) return yield* output.json(userMeta)
    yield* output.pairs(Object.entries(userMeta).map(([one, value]) => [one, visibleJson(value)] as const))
  })

/** Returns a value of JSON, and any other text as it is. */
const valueOf = (text: string): Json => {
  try {
    return readJson(text)
  } catch {
    return text
  }
}

export const run = (input: Input) =>
  Effect.gen(function* () {
    const { action, key, tape: name, value } = input
    if (action === "get") {
      if (Option.isSome(value)) return yield* new Usage({ message: "meta get takes no VALUE." })
      return yield* within(get(input))
    }
    if (Option.isNone(key)) return yield* new Usage({ message: `meta ${action} needs a KEY.` })
    const at = key.value
    if (action === "unset") {
      if (Option.isSome(value)) return yield* new Usage({ message: "meta unset takes no VALUE." })
      return yield* changeTape(
        name,
        [`Removes the value ${at} of the tape ${name}.`],
        input,
        (lib) => Effect.flatMap(tapeOf(lib, name), (tape) => tape.removeUserMeta(at)),
        { tape: name, key: at, removed: true }
      )
    }
    if (Option.isNone(value)) return yield* new Usage({ message: "meta set needs a VALUE." })
    const given = valueOf(value.value)
    yield* changeTape(
      name,
      [`Sets the value ${at} of the tape ${name} to ${JSON.stringify(given)}.`],
      input,
      (lib) => Effect.flatMap(tapeOf(lib, name), (tape) => tape.setUserMeta(at, given)),
      { tape: name, key: at, value: given }
    )
  })
