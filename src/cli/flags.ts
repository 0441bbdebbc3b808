/** Flags and arguments that several commands share. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"

/** Returns a flag that is there or not. Without a default, `effect/cli` would demand it. */
export const onOff = (name: string, description: string): Flag.Flag<boolean> =>
  Flag.Boolean(name).pipe(Flag.withDefault(false), Flag.withoutNegation, Flag.withDescription(description))

/** Returns a flag that may be given any number of times. */
export const repeated = (name: string, metavar: string, description: string): Flag.Flag<ReadonlyArray<string>> =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

/** Returns a whole number, 0 or more, that may be left out. */
export const number = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (value) => value >= 0,
      (value) => `Expected a whole number, 0 or more, not ${value}`
    ),
    Flag.withMetavar("N"),
    Flag.withDescription(description),
    Flag.optional
  )

/** Returns a text that may be left out. */
export const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

/** Where the lib is. */
export const LibFlag = GlobalFlag.Setting("lib")({
  flag: Flag.String("lib").pipe(
    Flag.withAlias("l"),
    Flag.withMetavar("PATH"),
    Flag.withDescription("Folder of the lib. Default: $LITETAPES_LIB, else the working directory"),
    Flag.optional
  )
})

/** Output for programs. */
export const JsonFlag = GlobalFlag.Setting("json")({
  flag: onOff("json", "Print JSON, for programs")
})

/** Stack traces. Looked at where errors are printed, which may be before flags are parsed. */
export const DebugFlag = GlobalFlag.Setting("debug")({
  flag: onOff("debug", "Print the stack of an error")
})

/** Flags of commands that change something. */
export const changing = {
  yes: onOff("yes", "Do not ask").pipe(Flag.withAlias("y")),
  dryRun: onOff("dry-run", "Say what would be done, and do nothing")
}

/** The flags of `changing`, as handlers get them. */
export interface Changing {
  readonly yes: boolean
  readonly dryRun: boolean
}

/** The range and the filter of reading. */
export const reading = {
  from: number("from", "First position, revision or ordinal"),
  to: number("to", "Position, revision or ordinal after the last one"),
  limit: Flag.Int("limit").pipe(
    Flag.filter(
      (value) => value >= 0,
      (value) => `Expected a whole number, 0 or more, not ${value}`
    ),
    Flag.withAlias("n"),
    Flag.withMetavar("N"),
    Flag.withDescription("Print at most this many"),
    Flag.optional
  ),
  reverse: onOff("reverse", "Print the last one first").pipe(Flag.withAlias("r"))
}

export const filtering = {
  type: repeated("type", "TYPE", "Only events of this type; more than once: of one of them"),
  tag: repeated("tag", "TAG", "Only events with this tag; more than once: with all of them"),
  category: repeated("category", "NAME", "Only streams of this category; more than once: of one of them"),
  correlation: text("correlation", "ID", "Only events with this correlation id"),
  allowGaps: onOff("allow-gaps", "Continue where events are lost")
}

/** How events are printed. */
export const showing = {
  pretty: onOff("pretty", "Print each on several lines, indented"),
  flat: onOff("flat", "Print a line for each place in it, to grep and diff")
}

/** Returns a text argument. */
export const argument = (name: string, description: string): Argument.Argument<string> =>
  Argument.String(name).pipe(Argument.withDescription(description))

/** Returns a text argument that may be left out. */
export const optionalArgument = (name: string, description: string) =>
  Argument.String(name).pipe(Argument.withDescription(description), Argument.optional)

/** Returns any number of text arguments. */
export const manyArguments = (name: string, description: string): Argument.Argument<ReadonlyArray<string>> =>
  Argument.String(name).pipe(Argument.withDescription(description), Argument.variadic())

/** The tape that a command is about. */
export const tapeArgument = argument("TAPE", "Name of the tape")

/** The tapes that a command is about. */
export const tapeArguments = manyArguments("TAPE", "Names of tapes. Default: all")
