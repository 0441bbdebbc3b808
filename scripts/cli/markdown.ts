/** The help of all commands as a page in Markdown. */
import type { HelpDoc } from "effect/cli/HelpDoc"
import { argumentText, descriptionOf, flagText, type helpPages, type HelpPage } from "./helpPages.ts"

const cell = (text: string): string => text.replaceAll("|", String.raw`\|`)

/** Returns a table as the formatter of the checkout writes it. */
const table = (head: readonly [string, string], rows: ReadonlyArray<readonly [string, string]>): Array<string> => {
  if (rows.length === 0) return []
  const cells = rows.map((row) => row.map(cell))
  const widths = [0, 1].map((at) => Math.max(head[at]!.length, ...cells.map((row) => row[at]!.length)))
  const line = (row: ReadonlyArray<string>): string =>
    `| ${row.map((text, at) => text.padEnd(widths[at]!)).join(" | ")} |`
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...cells.map(line), ""]
}

const flagRows = (flags: HelpDoc["flags"]): ReadonlyArray<readonly [string, string]> =>
  flags.map((flag) => [`\`${flagText(flag)}\``, descriptionOf(flag)])

/** Returns the description, and what `--json` prints in a block of its own. */
const prose = (text: string): Array<string> => {
  const [before = "", json] = text.split(" With --json: ")
  const shown = before.replaceAll(/(?<![\w`-])--?[a-z][a-z-]*/g, "`$&`")
  return json === undefined
    ? [shown, ""]
    : [shown, "", "`--json` prints:", "", "```", json.replace(/\.$/, ""), "```", ""]
}

const section = ({ doc, name }: HelpPage): Array<string> => [
  `### ${name}`,
  "",
  "```",
  doc.usage,
  "```",
  "",
  ...prose(doc.description),
  ...table(
    ["argument", "meaning"],
    (doc.args ?? []).map((arg) => [`\`${argumentText(arg)}\``, descriptionOf(arg)])
  ),
  ...table(["flag", "meaning"], flagRows(doc.flags)),
  "```sh",
  ...(doc.examples ?? []).map(({ command, description }) => `${command}  # ${description ?? ""}`.trimEnd()),
  "```",
  ""
]

/** Returns the page. */
export const markdownPage = ({ pages, whole }: Awaited<ReturnType<typeof helpPages>>): string => {
  const groups = [...new Set(pages.map(({ group }) => group))]
  const lines = [
    "# The command line",
    "",
    "Written by `npm run cli:docs` from the definitions in `src/cli`. Do not edit it.",
    "",
    whole.description,
    "",
    ...table(["flag of every command", "meaning"], flagRows(whole.globalFlags ?? [])),
    "- Commands of the groups Look and Check take no lock and change nothing: they work while an application writes.",
    "- What changes a lib says what it does and asks. `--yes` does not ask, `--dry-run` does nothing. `init` and `append` do not ask.",
    "- Errors are one sentence on standard error, and `Try:` with the command that leads out; nothing is on standard output then.",
    "- Colours, and lines that are cut to the width, are for terminals only. `NO_COLOR` switches colours off.",
    String.raw`- Control characters in events are printed as in JSON, such as \u001b, so that no event can drive your terminal.`,
    "- Text for people may change with any version. The keys of `--json` stay; new ones may come.",
    "- Ctrl-C ends a command with exit code 130. The lib stays valid.",
    "",
    ...groups.flatMap((group) => [
      `## ${group}`,
      "",
      ...pages.filter((page) => page.group === group).flatMap((page) => section(page))
    ])
  ]
  return `${lines.join("\n").trimEnd()}\n`
}
