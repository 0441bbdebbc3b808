/** `litetapes doctor` */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { LibService } from "../../services/Lib.ts"
import type { Finding as Damage } from "../../services/Tape.ts"
import { answerNo } from "../errors.ts"
import { sentenceOf } from "../exit.ts"
import { JsonFlag } from "../flags.ts"
import { locationOf, readerAt, within } from "../openLib.ts"
import { hasTape, isBackup, mendBackup, word } from "../origin.ts"
import { Output } from "../Output.ts"
import { withProgress } from "../progress.ts"
import { toCommands, withoutMending } from "../text/commandWords.ts"
import { visible } from "../text/visible.ts"

/** What mends something. */
interface Mend {
  /** In words, with the commands. */
  readonly advice: string
  /** The command that can be run as it stands, or `null`. */
  readonly command: string | null
}

interface Finding extends Mend {
  /** What is affected: a file, a tape or the lib. */
  readonly what: string
  readonly why: string
}

const libErrors: ReadonlySet<string> = new Set([
  "AckedDataLost",
  "DynamicCorrupt",
  "LibInvalid",
  "MetaCorrupt",
  "MetaInvalid"
])

const inWords = (advice: string): Mend => ({ advice, command: null })

const running = (command: string): Mend => ({ advice: `run ${command}`, command })

/** A backup is better than what a command can still find. */
const afterBackup = (command: string): Mend => ({
  advice: `run litetapes restore BACKUP TO, or, without a backup, ${command}`,
  command
})

/** Returns what mends a lib that does not open. */
const mendLib = (error: { readonly _tag: string }, location: string): Mend => {
  if (libErrors.has(error._tag)) {
    if (isBackup(location)) return inWords(`use ${mendBackup}`)
    return afterBackup(`litetapes recover --lib ${word(location)}`)
  }
  if (error._tag === "BackupUnfinished") return inWords("run the same backup or restore again")
  if (error._tag === "UnsupportedFormat") return inWords("upgrade litetapes")
  if (error._tag === "ReaderBusy") return inWords("try again")
  return inWords("see docs/GUIDE.md, “Errors, and what to do”")
}

const segmentErrors: ReadonlySet<string> = new Set(["SegmentCorrupt", "SegmentMissing", "DecompressionLimit"])

/** Returns what mends a damaged file of a lib that opens. */
const mendFile = ({ error, file }: Damage, location: string): Mend => {
  if (isBackup(location)) return inWords(`use ${mendBackup}`)
  const [tape = ""] = file.split("/")
  const lib = `--lib ${word(location)}`
  if (segmentErrors.has(error)) return afterBackup(`litetapes salvage ${word(tape)} ${lib}`)
  if (file.includes("/") && !hasTape(location, tape)) {
    return inWords("put the folder of the tape back, or run litetapes restore BACKUP TO")
  }
  if (["TapeInvalid", "MetaCorrupt", "MetaInvalid"].includes(error) && file.includes("/")) {
    return running(`litetapes recover ${word(tape)} ${lib}`)
  }
  return afterBackup(`litetapes recover ${lib}`)
}

const whyOf = (message: string, location: string): string => {
  const why = toCommands(message)
  return isBackup(location) ? withoutMending(why) : why
}

/** Returns what is wrong with a lib that opens. */
const examine = (lib: LibService, location: string) =>
  Effect.gen(function* () {
    const report = yield* withProgress("checking files", (onProgress) => lib.verify({ depth: "files", onProgress }))
    const findings: Array<Finding> = report.bad.map((damage) => ({
      what: damage.file,
      why: whyOf(damage.why, location),
      ...mendFile(damage, location)
    }))
    for (const { accepted, segment, tape } of report.lost) {
      if (accepted) continue
      findings.push({
        what: tape,
        why: `it has lost records of ${segment}, and reads that pass them fail`,
        ...running(`litetapes accept-loss ${word(tape)} --lib ${word(location)}`)
      })
    }
    const { tornTail } = lib.report
    if (tornTail !== undefined && tornTail.bytes === 0) {
      findings.push({
        what: tornTail.file,
        why: "it was cut off, so later batches may be lost",
        ...inWords("compare with a backup: litetapes restore BACKUP TO")
      })
    }
    for (const { consumer, isLost } of yield* lib.checkpoints) {
      if (!isLost) continue
      findings.push({
        what: `consumer ${consumer}`,
        why: "a recovery or a restore may have lost its checkpoint, so it does not run",
        ...inWords('run it once with onNotInHistory: "begin-again"')
      })
    }
    return findings
  })

export const run = ({ path }: { readonly path: Option.Option<string> }) =>
  Effect.gen(function* () {
    const output = yield* Output
    const location = yield* locationOf(path)
    const opened = yield* Effect.result(within(Effect.flatMap(readerAt(location), (lib) => examine(lib, location))))
    // A wrong path is not a lib that is ill.
    if (opened._tag === "Failure" && opened.failure._tag === "Usage") return yield* opened.failure
    const findings =
      opened._tag === "Success"
        ? opened.success
        : [{ what: location, why: sentenceOf(opened.failure), ...mendLib(opened.failure, location) }]
    const ok = findings.length === 0
    const isJson = yield* JsonFlag
    const { dim, red } = output.look().styles
    const printed = isJson
      ? output.json({ location, ok, findings })
      : output.print(
          ok
            ? ["Nothing is wrong. litetapes verify also checks each record and index."]
            : findings.flatMap(({ advice, what, why }) => [
                `${red(visible(what))}: ${visible(why)}`,
                `  ${dim("to mend it:")} ${visible(advice)}`
              ])
        )
    return yield* ok ? printed : answerNo(printed)
  })
