/** `litetapes completions` */
import type { Command } from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as Effect from "effect/Effect"
import { Output } from "../Output.ts"

export const completionsOf = (shell: "bash" | "zsh" | "fish", command: Command.Any) =>
  Effect.flatMap(Output, ({ print }) =>
    print([Completions.generate(command.name, shell, Completions.fromCommand(command)).trimEnd()])
  )
