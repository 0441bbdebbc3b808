/** Messages of the library name its calls. On the command line they name commands. */

const words: ReadonlyArray<readonly [call: RegExp, command: string]> = [
  [/, and create "never" makes none(?=:)/g, ""],
  [/(?<=Choose another place), or open the lib with create "never"/g, ""],
  [/, and create is "must"/g, ""],
  [/Open it with mode "read", or make a lib/g, "Make a lib"],
  [/(?<=with )lib\.backup first, from a reader if it has no writer/g, "litetapes backup first"],
  [/\b[Ll]ib\.(backup|copy|recover|restore)\b/g, "litetapes $1"],
  [/\brecoverTape\b/g, "litetapes recover TAPE"],
  [/\bsalvageTape\b/g, "litetapes salvage TAPE"],
  [/\bacceptLoss\b/g, "litetapes accept-loss TAPE"],
  [/\ballowGaps\b/g, "--allow-gaps"]
]

/** Returns a message with commands instead of calls of the library. */
export const toCommands = (message: string): string =>
  words.reduce((text, [call, command]) => text.replace(call, command), message)

/** Returns a message about a backup: what mends a lib does not mend it. */
export const withoutMending = (message: string): string =>
  message.replace(/, or run litetapes (?:salvage|recover)[^.]*(?=\.)/g, "")
