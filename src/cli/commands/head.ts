/** `litetapes head` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Proof from "../../domain/merkle/Proof.ts"
import { Usage } from "../errors.ts"
import { JsonFlag } from "../flags.ts"
import { headOf } from "../heads.ts"
import { reader, tapesOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"

interface Input {
  readonly tapes: ReadonlyArray<string>
  readonly expect: Option.Option<string>
}

const program = ({ expect, tapes: names }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const lib = yield* reader
    const tapes = yield* tapesOf(lib, names)
    if (Option.isSome(expect)) {
      const [tape] = tapes
      if (names.length !== 1 || tape === undefined) {
        return yield* new Usage({ message: "--expect is the head of one tape: name that tape." })
      }
      yield* tape.checkHead(yield* headOf("--expect", expect.value))
    }
    const isJson = yield* JsonFlag
    for (const tape of tapes) {
      const head = yield* tape.head
      yield* isJson ? output.json(head) : output.print([Proof.encodeHead(head)])
    }
  })

export const run = (input: Input) => within(program(input))
