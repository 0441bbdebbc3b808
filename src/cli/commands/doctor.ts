/** `litetapes doctor` */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { LibService } from "../../services/Lib.ts"
import type { Finding as Damage } from "../../services/Tape.ts"
import { answerNo } from "../errors.ts"
import { sentenceOf } from "../exit.ts"
import { JsonFlag } from "../flags.ts"
import { locationOf, readerAt, within } from "../openLib.ts"
import { Output } from "../Output.ts"
import { withProgress } from "../progress.ts"
import { visible } from "../text/visible.ts"

interface Finding {
  /** What is affected: a file, a tape or the lib. */
  readonly what: string
  readonly why: string
  /** Which command mends it. */
  readonly command: string
}

/** A word of a shell. */
const word = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`)

const libErrors: ReadonlySet<string> = new Set([
  "AckedDataLost",
  "DynamicCorrupt",
  "LibInvalid",
  "MetaCorrupt",
  "MetaInvalid"
])

/** Returns what mends a lib that does not open. */
const mendLib = (error: { readonly _tag: string }, location: string): string => {
  if (libErrors.has(error._tag)) {
    return `litetapes restore BACKUP TO, or if there is no backup: litetapes recover --lib ${word(location)}`
  }
  if (error._tag === "BackupUnfinished") return "run the same backup or restore again"
  if (error._tag === "UnsupportedFormat") return "upgrade litetapes"
  if (error._tag === "ReaderBusy") return "try again"
  return "see docs/GUIDE.md, “Errors, and what to do”"
}

const segmentErrors: ReadonlySet<string> = new Set(["SegmentCorrupt", "SegmentMissing", "DecompressionLimit"])

/** Returns what mends a damaged file of a lib that opens. */
const mendFile = ({ error, file }: Damage, location: string): string => {
  const [tape = ""] = file.split("/")
  const lib = `--lib ${word(location)}`
  if (segmentErrors.has(error)) {
    return `restore the file from a backup, or if there is no backup: litetapes salvage ${word(tape)} ${lib}`
  }
  if (["TapeInvalid", "MetaCorrupt", "MetaInvalid"].includes(error) && file.includes("/")) {
    return `litetapes recover ${word(tape)} ${lib}`
  }
  return `litetapes restore BACKUP TO, or if there is no backup: litetapes recover ${lib}`
}

/** Returns what is wrong with a lib that opens. */
const examine = (lib: LibService, location: string) =>
  Effect.gen(function* () {
    const report = yield* withProgress("checking files", (onProgress) => lib.verify({ depth: "files", onProgress }))
    const findings: Array<Finding> = report.bad.map((damage) => ({
      what: damage.file,
      why: damage.why,
      command: mendFile(damage, location)
    }))
    for (const { accepted, segment, tape } of report.lost) {
      if (accepted) continue
      findings.push({
        what: tape,
        why: `it has lost records of ${segment}, and reads that pass them fail`,
        command: `litetapes accept-loss ${word(tape)} --lib ${word(location)}`
      })
    }
    const { tornTail } = lib.report
    if (tornTail !== undefined && tornTail.bytes === 0) {
      findings.push({
        what: tornTail.file,
        why: "it was cut off, so later batches may be lost",
        command: "compare with a backup: litetapes restore BACKUP TO"
      })
    }
    for (const { consumer, isLost } of yield* lib.checkpoints) {
      if (!isLost) continue
      findings.push({
        what: `consumer ${consumer}`,
        why: "a recovery or a restore may have lost its checkpoint, so it does not run",
        command: 'run it once with onNotInHistory: "begin-again"'
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
        : [{ what: location, why: sentenceOf(opened.failure), command: mendLib(opened.failure, location) }]
    const ok = findings.length === 0
    const isJson = yield* JsonFlag
    const { dim, red } = output.look().styles
    const printed = isJson
      ? output.json({ location, ok, findings })
      : output.print(
          ok
            ? ["Nothing is wrong. litetapes verify also checks each record and index."]
            : findings.flatMap(({ command, what, why }) => [
                `${red(visible(what))}: ${visible(why)}`,
                `  ${dim("mend it with")} ${visible(command)}`
              ])
        )
    return yield* ok ? printed : answerNo(printed)
  })
