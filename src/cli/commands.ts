/** The commands, by what they are for. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import { define } from "./define.ts"
import { changingCommands, safetyCommands } from "./definitions/changing.ts"
import { checkingCommands } from "./definitions/checking.ts"
import { readingCommands } from "./definitions/reading.ts"
import { DebugFlag, JsonFlag, LibFlag } from "./flags.ts"

/** The command as a whole, for `completions`, which is a part of it. */
const tree: { command?: Command.Command.Any } = {}

const completions = define({
  name: "completions",
  summary: "Print completions of commands and flags for a shell",
  details: "They do not complete the names of tapes and streams.",
  json: "the same",
  examples: [["source <(litetapes completions bash)", "for this shell"]],
  config: {
    shell: Argument.Literals("SHELL", ["bash", "zsh", "fish"]).pipe(Argument.withDescription("bash, zsh or fish"))
  },
  // Its module needs the tree of commands, which this module makes.
  load: async () => {
    const { completionsOf } = await import("./commands/completions.ts")
    return { run: ({ shell }: { readonly shell: "bash" | "zsh" | "fish" }) => completionsOf(shell, tree.command!) }
  }
})

/** The command with all of its subcommands. */
export const litetapes = Command.make("litetapes").pipe(
  Command.withDescription(
    "Look at the libs of litetapes, check them and look after them. Commands that read take no lock, and work while an application writes. Exit codes: 0 fine; 1 the answer is no, or damage was found; 2 wrong usage; 3 not now (locked, read-only, full)."
  ),
  Command.withExamples([
    { command: "litetapes --lib data/orders ls", description: "the tapes of a lib" },
    { command: "litetapes tail -f", description: "what happens now in the lib in the working directory" },
    { command: "litetapes verify && echo intact", description: "check every file" }
  ]),
  Command.withSubcommands([
    { group: "Look", commands: readingCommands },
    { group: "Check", commands: checkingCommands },
    { group: "Change", commands: changingCommands },
    { group: "Keep safe", commands: safetyCommands },
    { group: "Shell", commands: [completions] }
  ]),
  Command.withGlobalFlags([LibFlag, JsonFlag, DebugFlag])
)
tree.command = litetapes
