/** Runs the command line with what its process has. */
import { decodeLines } from "./decodeLines.ts"
import type { Io, Sink } from "./Io.ts"
import { runCli } from "./runCli.ts"
import { version } from "./version.ts"

const sinkOf = (stream: NodeJS.WriteStream): Sink => {
  // Without a listener, a reader that has ended would end this process with a stack trace.
  stream.on("error", () => {})
  return {
    write: (text, done) => {
      try {
        stream.write(text, done)
      } catch (error) {
        // Files are written at once, and some versions of Node throw their errors.
        done(error as Error)
      }
    },
    isTerminal: stream.isTTY === true,
    columns: () => stream.columns
  }
}

let stdinLines: AsyncIterable<string> | undefined

const io: Io = {
  stdout: sinkOf(process.stdout),
  stderr: sinkOf(process.stderr),
  stdin: {
    isTerminal: process.stdin.isTTY === true,
    // Made when the first line is wanted: a command that wants none need not wait for any.
    lines: () => (stdinLines ??= decodeLines(process.stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>))
  },
  env: process.env
}

const signals = { SIGINT: 130, SIGTERM: 143 } as const
const stop = new AbortController()
let ended: number | undefined
for (const [signal, code] of Object.entries(signals)) {
  process.on(signal, () => {
    // A second signal does not wait for the lib to close. It is valid all the same.
    if (stop.signal.aborted) process.exit(code)
    ended = code
    stop.abort()
  })
}

/** Runs the command line, and ends the process. */
export const runProcess = async (): Promise<void> => {
  const code = await runCli(process.argv.slice(2), io, { version, signal: stop.signal })
  // Nothing may keep the process: a pipe that is still open, a timer of a terminal.
  process.exit(stop.signal.aborted ? (ended ?? code) : code)
}
