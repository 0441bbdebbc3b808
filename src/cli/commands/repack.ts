/** `litetapes repack` */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RepackOptions, RepackReport, TapeService } from "../../services/Tape.ts"
import { confirmed } from "../confirm.ts"
import { Usage } from "../errors.ts"
import { type Changing, JsonFlag } from "../flags.ts"
import { reader, tapesOf, within, writer } from "../openLib.ts"
import { Output } from "../Output.ts"
import { withProgress } from "../progress.ts"
import { bytes, counted } from "../text/units.ts"

interface Input extends Changing {
  readonly tapes: ReadonlyArray<string>
  readonly compression: "keep" | "none" | "gzip" | "zstd"
  readonly target: Option.Option<number>
  readonly dedup: boolean
  readonly force: boolean
}

const optionsOf = ({ compression, dedup, force, target }: Input): RepackOptions => ({
  compression,
  dedup,
  force,
  ...(Option.isSome(target) ? { targetBytes: target.value } : {}),
  why: "litetapes repack"
})

const planOf = (tapes: ReadonlyArray<TapeService>, { compression }: Input) =>
  Effect.map(
    Effect.forEach(tapes, (tape) =>
      Effect.map(tape.segments, (segments) => {
        const size = segments.reduce((sum, segment) => sum + segment.bytes, 0)
        return `Rewrites the segments of ${tape.name} that do not match: up to ${counted(segments.length, "segment")}, ${bytes(size)}.`
      })
    ),
    (lines) => [...lines, `Compression: ${compression}. The records stay the same.`]
  )

const shown = (tape: string, { added, bytesAfter, bytesBefore, records, removed, root }: RepackReport) => ({
  tape,
  removed: removed.map((segment) => segment.number),
  added: added.map((segment) => segment.number),
  records,
  bytesBefore,
  bytesAfter,
  root
})

const repackAll = (input: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const tapes = yield* tapesOf(yield* writer, input.tapes)
    const reports = yield* Effect.forEach(tapes, (tape) =>
      Effect.map(
        withProgress(`repacking ${tape.name}`, (onProgress) => tape.repack({ ...optionsOf(input), onProgress })),
        (report) => shown(tape.name, report)
      )
    )
    if (yield* JsonFlag) return yield* output.json(reports)
    for (const { added, bytesAfter, bytesBefore, removed, tape } of reports) {
      const what =
        removed.length === 0
          ? "nothing to do"
          : `${counted(removed.length, "segment")} of ${bytes(bytesBefore)} became ${counted(added.length, "segment")} of ${bytes(bytesAfter)}`
      yield* output.say(`${tape}: ${what}`)
    }
  })

/** Less would make a segment, which is a file, of nearly every record. */
const leastTarget = 1024

const program = (input: Input) =>
  Effect.gen(function* () {
    if (Option.isSome(input.target) && input.target.value < leastTarget) {
      return yield* new Usage({ message: `--target must be ${leastTarget} bytes or more, not ${input.target.value}.` })
    }
    // A plan takes no lock, so that --dry-run works while an application writes.
    const plan = yield* within(
      Effect.flatMap(
        Effect.flatMap(reader, (lib) => tapesOf(lib, input.tapes)),
        (tapes) => planOf(tapes, input)
      )
    )
    yield* confirmed(plan, input, within(repackAll(input)))
  })

export const run = program
