/** Runs the command line in this process, as a person would through pipes or in a terminal. */
import { Readable } from "node:stream"
import { decodeLines } from "../../src/cli/decodeLines.ts"
import { runCli } from "../../src/cli/runCli.ts"
import type { Io, Sink } from "../../src/cli/Io.ts"

/** What a run of the command printed. */
export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  /** Lines of standard input. */
  readonly input?: ReadonlyArray<string>
  /** Standard input as bytes, instead of its lines. */
  readonly bytes?: Uint8Array
  readonly env?: Io["env"]
  /** Columns of a terminal; without one, all are pipes. */
  readonly terminal?: number
  readonly signal?: AbortSignal
  /** Called with what is printed to standard output. Returns false once nobody reads it any more. */
  readonly onOut?: (text: string) => boolean | void
  /** Code of the error once `onOut` has returned false. Default: `EPIPE`, the reader has ended. */
  readonly outError?: string
}

const sinkTo = (columns: number | undefined, code: string, keep: (text: string) => boolean | void): Sink => ({
  write: (text, done) => done(keep(text) === false ? Object.assign(new Error(`${code}: write`), { code }) : undefined),
  isTerminal: columns !== undefined,
  columns: () => columns
})

const bytesOf = function* (bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1)
}

/** Runs the command with these arguments. */
export const run = async (args: ReadonlyArray<string>, options: RunOptions = {}): Promise<Ran> => {
  const { bytes, env = {}, input = [], onOut, outError = "EPIPE", signal, terminal } = options
  let out = ""
  let err = ""
  const lines = input[Symbol.iterator]()
  const given = async function* (): AsyncGenerator<string> {
    for (;;) {
      const next = lines.next()
      if (next.done === true) return
      yield next.value
    }
  }
  // A byte at a time: no character and no newline may depend on where reading them ends.
  const decoded = bytes === undefined ? undefined : decodeLines(Readable.from(bytesOf(bytes)).iterator())
  const io: Io = {
    stdout: sinkTo(terminal, outError, (text) => {
      out += text
      return onOut?.(text)
    }),
    stderr: sinkTo(terminal, outError, (text) => {
      err += text
    }),
    stdin: {
      isTerminal: terminal !== undefined,
      lines: () => decoded ?? given()
    },
    env
  }
  const code = await runCli(args, io, { version: "1.2.3", ...(signal === undefined ? {} : { signal }) })
  return { code, out, err }
}

/** Runs the command, which must succeed and print nothing but warnings on standard error. Returns what it printed. */
export const output = async (args: ReadonlyArray<string>, options?: RunOptions): Promise<string> => {
  const { code, err, out } = await run(args, options)
  if (code !== 0 || err.replaceAll(/^litetapes: warning: .*\n/gm, "") !== "")
    throw new Error(`litetapes ${args.join(" ")}: exit code ${code}\n${err}`)
  return out
}

/** A value of JSON whose fields a test looks at. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Value = any

/** Runs the command with `--json`, and returns the value of each line. */
export const json = async (args: ReadonlyArray<string>, options?: RunOptions): Promise<ReadonlyArray<Value>> =>
  (await output([...args, "--json"], options))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
