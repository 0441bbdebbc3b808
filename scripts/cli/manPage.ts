/** The help of all commands as a page for `man`. */
import type { HelpDoc } from "effect/cli/HelpDoc"
import { argumentText, descriptionOf, flagText, type helpPages, type HelpPage } from "./helpPages.ts"

/** Returns text in which nothing is a command of troff. */
const plain = (text: string): string =>
  text
    .replaceAll("\\", String.raw`\e`)
    .replaceAll("-", String.raw`\-`)
    .replaceAll(/^(?=[.'])/gm, String.raw`\&`)
    .replaceAll("…", "...")

const items = (entries: ReadonlyArray<readonly [string, string]>): Array<string> =>
  entries.flatMap(([name, text]) => [".TP", `.B ${plain(name)}`, plain(text)])

const flags = (all: HelpDoc["flags"]): Array<string> => items(all.map((flag) => [flagText(flag), descriptionOf(flag)]))

const section = ({ doc, name }: HelpPage): Array<string> => [
  `.SS ${name}`,
  plain(doc.usage),
  ".PP",
  plain(doc.description),
  ...items((doc.args ?? []).map((arg) => [argumentText(arg), descriptionOf(arg)])),
  ...flags(doc.flags),
  ...(doc.examples ?? []).flatMap(({ command, description }) => [
    ".PP",
    `${plain(description ?? "")}:`,
    ".PP",
    ".EX",
    plain(command),
    ".EE"
  ])
]

/** Returns the page. */
export const manPage = ({ pages, whole }: Awaited<ReturnType<typeof helpPages>>): string =>
  `${[
    String.raw`.\" Written by npm run cli:docs. Do not edit it.`,
    '.TH LITETAPES 1 "" "" "litetapes"',
    ".SH NAME",
    String.raw`litetapes \- look at libs of events, check them and look after them`,
    ".SH SYNOPSIS",
    plain(whole.usage),
    ".SH DESCRIPTION",
    plain(whole.description),
    ".SH OPTIONS",
    ...flags(whole.globalFlags ?? []),
    ".SH COMMANDS",
    ...pages.flatMap((page) => section(page))
  ].join("\n")}\n`
