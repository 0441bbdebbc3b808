/** `litetapes verify` */
import * as Effect from "effect/Effect"
import type { VerifyReport } from "../../services/Lib.ts"
import { AnswerIsNo } from "../errors.ts"
import { JsonFlag } from "../flags.ts"
import { reader, tapeOf, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { withProgress } from "../progress.ts"
import { bytes, count, counted } from "../text/units.ts"
import { visible } from "../text/visible.ts"
import { widthOf } from "../text/width.ts"

interface Input {
  readonly tapes: ReadonlyArray<string>
  readonly depth: "records" | "files"
}

const summaryOf = (reports: ReadonlyArray<VerifyReport>): string => {
  const sum = (of: (report: VerifyReport) => number): number => reports.reduce((total, report) => total + of(report), 0)
  return [
    counted(
      sum(({ tapes }) => tapes),
      "tape"
    ),
    counted(
      sum(({ segments }) => segments),
      "segment"
    ),
    counted(
      sum(({ records }) => records),
      "record"
    ),
    bytes(sum((report) => report.bytes))
  ].join(", ")
}

type Damage = VerifyReport["bad"][number]

/** Columns of a terminal in which the name of a file, which one needs whole, has room next to what is wrong with it. */
const tableMin = 48

const printDamage = (bad: ReadonlyArray<Damage>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const { styles, width } = output.look()
    const longest = Math.max(...bad.map(({ file }) => widthOf(visible(file))))
    if (width !== undefined && width < longest + tableMin) {
      return yield* output.print(
        bad.flatMap(({ error, file, offset, why }) => [
          visible(file),
          `  byte ${count(offset)}, ${styles.red(visible(error))}`,
          `  ${visible(why)}`
        ])
      )
    }
    yield* output.table(
      [
        { title: "file" },
        { title: "byte", align: "right" },
        { title: "error", style: (cell) => styles.red(cell) },
        { title: "why", flexible: true }
      ],
      bad.map(({ error, file, offset, why }) => [file, count(offset), error, why])
    )
  })

const program = ({ depth, tapes }: Input) =>
  Effect.gen(function* () {
    const output = yield* Output
    const { red } = output.look().styles
    const lib = yield* reader
    const reports = yield* tapes.length === 0
      ? Effect.map(
          withProgress("verifying", (onProgress) => lib.verify({ depth, onProgress })),
          (report) => [{ tape: undefined, report }]
        )
      : Effect.forEach(tapes, (name) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, name)
            const report = yield* withProgress(`verifying ${name}`, (onProgress) => tape.verify({ depth, onProgress }))
            return { tape: name, report }
          })
        )
    const bad = reports.flatMap(({ report }) => report.bad)
    const lost = reports.flatMap(({ report }) => report.lost)
    // Reads that pass these fail.
    const failing = lost.filter(({ accepted }) => !accepted)
    const verdict = (): string => {
      if (bad.length > 0) return red(counted(bad.length, "damaged place"))
      return failing.length > 0 ? red("losses that are not accepted") : "intact"
    }
    const isJson = yield* JsonFlag
    const printed = Effect.gen(function* () {
      if (isJson) {
        return yield* output.json(
          tapes.length === 0 ? reports[0]!.report : reports.map(({ report, tape }) => ({ tape, ...report }))
        )
      }
      yield* output.print([`${verdict()}: ${summaryOf(reports.map(({ report }) => report))} checked`])
      if (bad.length > 0) yield* printDamage(bad)
      if (lost.length > 0) yield* output.print([`lost before, and known: ${counted(lost.length, "range")} of records`])
    })
    if (bad.length === 0 && failing.length === 0) return yield* printed
    yield* Effect.ignore(printed)
    if (bad.length > 0) yield* output.note("Try: litetapes doctor\n")
    for (const tape of new Set(failing.map((loss) => loss.tape))) {
      yield* output.note(`Try: litetapes accept-loss ${visible(tape)}\n`)
    }
    return yield* new AnswerIsNo()
  })

export const run = (input: Input) => within(program(input))
