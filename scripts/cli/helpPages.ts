/** The help of all commands, from the definitions that the command line itself uses. */
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import type { ArgDoc, FlagDoc, HelpDoc } from "effect/cli/HelpDoc"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { litetapes } from "../../src/cli/commands.ts"
import type { Io } from "../../src/cli/Io.ts"
import { makeOutput, Output } from "../../src/cli/Output.ts"

/** The help of a command. */
export interface HelpPage {
  readonly name: string
  /** Heading that the list of commands has it under. */
  readonly group: string
  readonly doc: HelpDoc
}

const sink = { write: (_: string, done: () => void) => done(), isTerminal: false, columns: () => undefined }
const silent: Io = {
  stdout: sink,
  stderr: sink,
  stdin: { isTerminal: false, lines: async function* () {} },
  env: {}
}

/** Returns the help that a call with these arguments shows. */
const helpFor = (args: ReadonlyArray<string>): Promise<HelpDoc> => {
  let shown: HelpDoc | undefined
  const present: CliOutput.Presenter["present"] = (event) =>
    Effect.sync(() => {
      if (event._tag === "Help") shown = event.helpDoc
    })
  const services = Layer.mergeAll(
    NodeServices.layer,
    Layer.succeed(Output, makeOutput(silent)),
    CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
    CliOutput.layerPresenter({ present })
  )
  const run = Command.runWith(litetapes, { version: "" })([...args, "--help"])
  return Effect.runPromise(Effect.provide(Effect.exit(run), services)).then(() => {
    if (shown === undefined) throw new Error(`litetapes ${args.join(" ")} --help shows no help`)
    return shown
  })
}

/** Returns the help of the command itself, and that of each of its commands. */
export const helpPages = async (): Promise<{ readonly whole: HelpDoc; readonly pages: ReadonlyArray<HelpPage> }> => {
  const pages: Array<HelpPage> = []
  for (const { commands, group } of litetapes.subcommands) {
    for (const { name } of commands) pages.push({ name, group: group ?? "", doc: await helpFor([name]) })
  }
  return { whole: await helpFor([]), pages }
}

/** Returns how a flag is written. */
export const flagText = ({ aliases, name, type }: FlagDoc): string =>
  [...aliases, `--${name}`].join(", ") + (type === "boolean" ? "" : ` ${type}`)

/** Returns how an argument is written. */
export const argumentText = ({ name, required, variadic }: ArgDoc): string => {
  const shown = variadic ? `${name}...` : name
  return required ? shown : `[${shown}]`
}

export const descriptionOf = ({ description }: { readonly description: Option.Option<string> }): string =>
  Option.getOrElse(description, () => "")
