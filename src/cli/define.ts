/** Defines commands: what their help says, and which module carries them out. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { locationOf } from "./openLib.ts"
import { remember } from "./origin.ts"

/** The definition of a command. */
interface Definition<Name extends string, Config extends Command.Command.Config, E, R> {
  readonly name: Name
  /** One line for the list of commands. */
  readonly summary: string
  /** More about it, in whole sentences. */
  readonly details?: string
  /** What `--json` prints. */
  readonly json: string
  /** Each with what it does. */
  readonly examples: ReadonlyArray<readonly [command: string, description: string]>
  readonly config: Config
  /** Loads the module that carries the command out, only when it runs. */
  readonly load: () => Promise<{
    readonly run: (input: Command.Command.Config.Infer<Config>) => Effect.Effect<void, E, R>
  }>
}

/** Returns the path of a lib that some commands take instead of `--lib`. */
const pathIn = (input: unknown): Option.Option<string> =>
  typeof input === "object" && input !== null && "path" in input && Option.isOption(input.path)
    ? Option.filter(input.path, (path) => typeof path === "string")
    : Option.none()

/** Makes a command of its definition. */
export const define = <const Name extends string, const Config extends Command.Command.Config, E, R>({
  config,
  details,
  examples,
  json,
  load,
  name,
  summary
}: Definition<Name, Config, E, R>) =>
  Command.make(name, config, (input) =>
    Effect.flatMap(Effect.promise(load), ({ run }) =>
      Effect.tapError(run(input), (error) => Effect.map(locationOf(pathIn(input)), (lib) => remember(error, lib)))
    )
  ).pipe(
    Command.withDescription(
      [`${summary}.`, details, `With --json: ${json}.`].filter((part) => part !== undefined).join(" ")
    ),
    Command.withShortDescription(summary),
    Command.withExamples(examples.map(([command, description]) => ({ command, description })))
  )
