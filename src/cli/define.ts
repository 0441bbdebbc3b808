/** Defines commands: what their help says, and which module carries them out. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"

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
  Command.make(name, config, (input) => Effect.flatMap(Effect.promise(load), ({ run }) => run(input))).pipe(
    Command.withDescription(
      [`${summary}.`, details, `With --json: ${json}.`].filter((part) => part !== undefined).join(" ")
    ),
    Command.withShortDescription(summary),
    Command.withExamples(examples.map(([command, description]) => ({ command, description })))
  )
