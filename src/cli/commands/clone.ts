/** `litetapes clone` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as NodeStorage from "../../layers/NodeStorage.ts"
import * as Lib from "../../services/Lib.ts"
import { confirmed } from "../confirm.ts"
import { type Changing, JsonFlag } from "../flags.ts"
import { reader, tapeOf, within, writer } from "../openLib.ts"
import { Output } from "../Output.ts"
import { withProgress } from "../progress.ts"

interface Input extends Changing {
  readonly tape: string
  readonly name: string
  readonly to: Option.Option<string>
}

const cloneTape = ({ name, tape: from, to }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    // From another lib, the source is only read.
    const source = yield* Option.isSome(to) ? reader : writer
    const target = Option.isSome(to)
      ? yield* Effect.provide(Lib.open(to.value, { create: "never" }), NodeStorage.layer)
      : source
    const tape = yield* tapeOf(source, from)
    const listing = yield* withProgress("cloning", (onProgress) => tape.clone(target, name, { onProgress }))
    if (yield* JsonFlag) yield* output.json(listing)
  })

const program = (input: Input) => {
  const where = Option.isSome(input.to) ? ` in the lib ${input.to.value}` : ""
  return confirmed([`Copies the tape ${input.tape} as ${input.name}${where}.`], input, within(cloneTape(input)))
}

export const run = program
