/** `litetapes prove` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Usage } from "../errors.ts"
import { headOf } from "../heads.ts"
import { reader, tapeOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { withProgress } from "../progress.ts"

interface Input {
  readonly tape: string
  readonly ordinal: Option.Option<number>
  readonly since: Option.Option<string>
  readonly records: Option.Option<number>
}

const program = ({ ordinal, records, since, tape: name }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    if (Option.isSome(ordinal) === Option.isSome(since)) {
      return yield* new Usage({
        message: "prove takes either ORDINAL, to prove a record, or --since HEAD, to prove growth."
      })
    }
    const tape = yield* tapeOf(yield* reader, name)
    const size = Option.isSome(records) ? { records: records.value } : {}
    if (Option.isSome(since)) {
      const earlier = yield* headOf("--since", since.value)
      const proof = yield* withProgress("hashing", (onProgress) =>
        tape.proveConsistency(earlier, { ...size, onProgress })
      )
      return yield* output.json({ kind: "growth", proof })
    }
    const at = Option.getOrThrow(ordinal)
    const proof = yield* withProgress("hashing", (onProgress) => tape.proveInclusion(at, { ...size, onProgress }))
    const [record] = yield* Stream.runCollect(tape.records({ from: at, to: at + 1 }))
    yield* output.json({ kind: "record", record, proof })
  })

export const run = (input: Input) => within(program(input))
