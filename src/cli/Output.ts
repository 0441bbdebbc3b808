/** What commands print, and what they ask. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { OutputClosed } from "./errors.ts"
import type { Io, Sink } from "./Io.ts"
import { colours, plainStyles, type Styles } from "./text/styles.ts"
import { type Column, pairs, table, type TableOptions } from "./text/table.ts"
import { visible, visibleJson } from "./text/visible.ts"

/** What commands print, and what they ask. */
export class Output extends Context.Service<
  Output,
  {
    /** Prints lines to standard output. Their text must be harmless already. */
    readonly print: (lines: ReadonlyArray<string>) => Effect.Effect<void, OutputClosed>
    /** Why standard output could not be written, if its reader is still there, such as because the disk is full. */
    readonly failure: () => string | undefined
    /** Prints a value to standard output as one line of JSON. */
    readonly json: (value: unknown) => Effect.Effect<void, OutputClosed>
    /** Prints a table to standard output. */
    readonly table: (
      columns: ReadonlyArray<Column>,
      rows: ReadonlyArray<ReadonlyArray<string>>
    ) => Effect.Effect<void, OutputClosed>
    /** Prints names and values to standard output, one pair a line. */
    readonly pairs: (entries: ReadonlyArray<readonly [string, string]>) => Effect.Effect<void, OutputClosed>
    /** Writes text to standard error as it is. If nobody reads it, nothing happens. */
    readonly note: (text: string) => Effect.Effect<void>
    /** Writes what was done to standard error, if a person is there to read it: in a script, success is silent. */
    readonly say: (text: string) => Effect.Effect<void>
    /** Asks on standard error, and returns the first line of standard input. */
    readonly ask: (question: string) => Effect.Effect<string>
    /** Whether a person can be asked. */
    readonly canAsk: boolean
    /** Width and colours of standard output. */
    readonly look: () => TableOptions
    /** Columns of standard error, if it is a terminal: progress is shown there. */
    readonly progressWidth: () => number | undefined
    /** Colours of standard error. */
    readonly errorStyles: Styles
    /** Lines of standard input. */
    readonly lines: () => AsyncIterable<string>
    readonly env: Io["env"]
  }
>()("litetapes/cli/Output") {}

/** Errors of a write whose reader has ended, such as `head -1`. */
const readerEnded: ReadonlySet<unknown> = new Set(["EPIPE", "ERR_STREAM_DESTROYED"])

const write = (sink: Sink, text: string, onFailure: (error: Error) => void): Effect.Effect<void, OutputClosed> =>
  Effect.callback((resume) => {
    sink.write(text, (error) => {
      if (error === undefined || error === null) return resume(Effect.void)
      if (!("code" in error && readerEnded.has(error.code))) onFailure(error)
      resume(Effect.fail(new OutputClosed()))
    })
  })

/** Returns whether a sink shows colours. `NO_COLOR` with any text but an empty one switches them off. */
const stylesOf = (sink: Sink, env: Io["env"]): Styles =>
  sink.isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb" ? colours : plainStyles

const firstLine = async (lines: AsyncIterable<string>): Promise<string> => {
  try {
    for await (const line of lines) return line
  } catch {
    // What cannot be read is not an answer.
  }
  return ""
}

/** Makes the service. */
export const makeOutput = (io: Io): Output["Service"] => {
  const { env, stderr, stdin, stdout } = io
  const styles = stylesOf(stdout, env)
  const look = (): TableOptions => ({
    styles,
    width: stdout.isTerminal ? Math.max(1, stdout.columns() ?? 80) : undefined
  })
  let failure: string | undefined
  const print: Output["Service"]["print"] = (lines) =>
    lines.length === 0
      ? Effect.void
      : write(stdout, `${lines.join("\n")}\n`, (error) => {
          failure ??= error.message
        })
  const note = (text: string): Effect.Effect<void> => Effect.ignore(write(stderr, text, () => {}))
  return {
    print,
    failure: () => failure,
    json: (value) => print([visibleJson(value)]),
    table: (columns, rows) => Effect.suspend(() => print(table(columns, rows, look()))),
    pairs: (entries) => Effect.suspend(() => print(pairs(entries, look()))),
    note,
    say: (text) => (stderr.isTerminal ? note(`${visible(text)}\n`) : Effect.void),
    ask: (question) =>
      Effect.andThen(
        note(question),
        Effect.promise(() => firstLine(stdin.lines()))
      ),
    canAsk: stdin.isTerminal && stderr.isTerminal,
    look,
    progressWidth: () => (stderr.isTerminal ? Math.max(1, stderr.columns() ?? 80) : undefined),
    errorStyles: stylesOf(stderr, env),
    lines: stdin.lines,
    env
  }
}
