/** Runs the command line: parses, runs one command, prints what went wrong, and returns the exit code. */
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { litetapes } from "./commands.ts"
import { Failed } from "./errors.ts"
import { exitCodeOf, exitCodes, sentenceOf, wayOut } from "./exit.ts"
import type { Io } from "./Io.ts"
import { makeOutput, Output } from "./Output.ts"
import { visible, visibleLines } from "./text/visible.ts"

/** Prints help on standard output if it was asked for. A wrong call is reported with the other errors. */
const presenter = (output: Output["Service"]): CliOutput.Presenter => ({
  present: (event) => {
    if (event._tag === "Version") return Effect.ignore(output.print([event.version]))
    // Without a command, help is what is wanted.
    if (event._tag !== "Help") return Effect.void
    const colors = output.look().styles.bold("x") !== "x"
    const formatter = CliOutput.defaultFormatter({ colors, globalFlags: "full" })
    return Effect.ignore(output.print([formatter.formatHelpDoc(event.helpDoc)]))
  }
})

/** Levels that a person must know of. What is only noted, such as a torn end that was never acknowledged, is left out. */
const warnings: ReadonlySet<string> = new Set(["Warn", "Error", "Fatal"])

/** Warnings of the library, such as about the rights of files, go to standard error. */
const logger = (output: Output["Service"]) =>
  Logger.make(({ logLevel, message }) => {
    if (!warnings.has(logLevel)) return
    const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
    Effect.runFork(output.note(`litetapes: warning: ${visible(text.replace(/^litetapes: /, ""))}\n`))
  })

interface ShowHelp {
  readonly _tag: "ShowHelp"
  readonly commandPath: ReadonlyArray<string>
  readonly errors: ReadonlyArray<{ readonly message: string }>
}

const isShowHelp = (error: unknown): error is ShowHelp =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "ShowHelp"

const tagOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined

/** Returns what a wrong call is answered with, on one line each. */
const usageText = ({ commandPath, errors }: ShowHelp): string => {
  const [first] = errors
  const help = `${commandPath.join(" ")} --help`
  const message = sentenceOf(first).replaceAll("  Did you mean this? ", " Did you mean this? ")
  return `litetapes: ${message}${/[.?!]$/.test(message) ? "" : "."} See ${help}.\n`
}

/** Prints an error, and returns the exit code. */
const report = (cause: Cause.Cause<unknown>, output: Output["Service"], isDebug: boolean): Effect.Effect<number> =>
  Effect.gen(function* () {
    if (Cause.hasInterruptsOnly(cause)) return exitCodes.interrupted
    const error = Cause.squash(cause)
    const tag = tagOf(error)
    if (tag === "OutputClosed") return exitCodes.fine
    if (tag === "AnswerIsNo") return exitCodes.no
    if (isShowHelp(error)) {
      if (error.errors.length === 0) return exitCodes.fine
      yield* output.note(usageText(error))
      return exitCodes.usage
    }
    const { red } = output.errorStyles
    const isFault = Cause.hasDies(cause)
    const sentence = sentenceOf(error)
    yield* output.note(`${red("litetapes:")} ${isFault ? "this is a fault of litetapes: " : ""}${sentence}\n`)
    const way = (error instanceof Failed ? error.way : undefined) ?? wayOut(error)
    if (way !== undefined) yield* output.note(`Try: ${way}\n`)
    if (isDebug) yield* output.note(`${visibleLines(Cause.pretty(cause))}\n`)
    return exitCodeOf(error)
  })

/** Says that standard output could not be written, if so. An answer that nobody got is not fine. */
const ending = (code: number, output: Output["Service"]): Effect.Effect<number> => {
  const failure = output.failure()
  if (failure === undefined) return Effect.succeed(code)
  const { red } = output.errorStyles
  const sentence = `standard output could not be written: ${visible(failure)}`
  return Effect.as(output.note(`${red("litetapes:")} ${sentence}\n`), code === exitCodes.fine ? exitCodes.notNow : code)
}

/** Options of running the command line. */
export interface RunOptions {
  readonly version: string
  /** Interrupts the command, which then ends cleanly with exit code 130. */
  readonly signal?: AbortSignal
}

/** Runs the command line with these arguments. Returns the exit code; never rejects. */
export const runCli = (args: ReadonlyArray<string>, io: Io, { signal, version }: RunOptions): Promise<number> => {
  const output = makeOutput(io)
  const services = Layer.mergeAll(
    NodeServices.layer,
    Layer.succeed(Output, output),
    CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
    CliOutput.layerPresenter(presenter(output)),
    Logger.layer([logger(output)])
  )
  const isDebug = args.includes("--debug")
  const program = Command.runWith(litetapes, { version })(args).pipe(
    Effect.provide(services),
    Effect.exit,
    Effect.flatMap(
      Exit.match({
        onFailure: (cause) => report(cause, output, isDebug),
        onSuccess: () => Effect.succeed<number>(exitCodes.fine)
      })
    ),
    Effect.flatMap((code) => ending(code, output))
  )
  return Effect.runPromiseExit(program, signal === undefined ? {} : { signal }).then((exit) =>
    Exit.isSuccess(exit) ? exit.value : exitCodes.interrupted
  )
}
