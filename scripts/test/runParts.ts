/** Runs shell commands at the same time, and shows the output of each in one piece. */
import { spawn } from "node:child_process"
import { text } from "node:stream/consumers"
import { stripVTControlCharacters } from "node:util"

export interface Part {
  readonly name: string
  /** A shell command. Programs of `node_modules/.bin` are found if `npm run` started this process. */
  readonly command: string
  /** Number of cores that it keeps busy. Default: 1. */
  readonly cores?: number
}

export interface Ended {
  readonly name: string
  /** How it ended; `status 0` if it succeeded. */
  readonly ending: string
  /** How long it took. */
  readonly seconds: number
  /** Seconds that its processes kept a core busy; `undefined` if the shell did not say. */
  readonly coreSeconds: number | undefined
  /** The first lines of its output that name what failed, if it failed. */
  readonly failures: ReadonlyArray<string>
}

export const hasFailed = ({ ending }: Pick<Ended, "ending">): boolean => ending !== "status 0"

/** Writes the output of several sources so that lines of one never stand between lines of another. */
class Outputs {
  readonly #write: (chunk: string | Uint8Array) => void
  /** What each source has written and was not shown. The first one is shown at once. */
  readonly #waiting: Array<{ readonly chunks: Array<string | Uint8Array>; isEnded: boolean }> = []

  constructor(write: (chunk: string | Uint8Array) => void) {
    this.#write = write
  }

  add() {
    const source = { chunks: [] as Array<string | Uint8Array>, isEnded: false }
    this.#waiting.push(source)
    return {
      write: (chunk: string | Uint8Array): void => {
        if (this.#waiting[0] === source) this.#write(chunk)
        else source.chunks.push(chunk)
      },
      end: (): void => {
        source.isEnded = true
        while (this.#waiting[0]?.isEnded === true) {
          this.#waiting.shift()
          for (const chunk of this.#waiting[0]?.chunks.splice(0) ?? []) this.#write(chunk)
        }
      }
    }
  }
}

/** The shell ends with the status of the command, after it has written the times of its processes to descriptor 3. */
const timed = (command: string): string => `(${command}\n)\nstatus=$?\ntimes >&3\nexit $status`

/** Returns the sum of the second line of what `times` writes, such as `0m1.250s 0m0.030s`. */
const coreSecondsOf = (times: string): number | undefined => {
  const found = [...(times.split("\n")[1] ?? "").matchAll(/(\d+)m([\d.,]+)s/g)]
  if (found.length !== 2) return undefined
  return found.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds!.replace(",", ".")), 0)
}

/** Keeps the lines that name a failed test or an error. */
class Failures {
  readonly lines: Array<string> = []
  #begun = ""

  add(chunk: Uint8Array): void {
    const lines = (this.#begun + chunk.toString()).split("\n")
    this.#begun = lines.pop()!
    for (const line of lines) {
      if (this.lines.length === 20) return
      const plain = stripVTControlCharacters(line).trim()
      if (/^FAIL |^\w*Error: |: error |^not ok /.test(plain)) this.lines.push(plain.slice(0, 300))
    }
  }
}

const runPart = async ({ command, name }: Part, output: ReturnType<Outputs["add"]>): Promise<Ended> => {
  const began = performance.now()
  output.write(`\n> ${name}: ${command}\n`)
  const child = spawn("sh", ["-c", timed(command)], { stdio: ["ignore", "pipe", "pipe", "pipe"] })
  const failures = new Failures()
  for (const from of [child.stdout!, child.stderr!]) {
    from.on("data", (chunk: Uint8Array) => {
      failures.add(chunk)
      output.write(chunk)
    })
  }
  const times = text(child.stdio[3] as NodeJS.ReadableStream)
  const ending = await new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message))
    child.on("close", (code, signal) => resolve(signal === null ? `status ${code}` : `signal ${signal}`))
  })
  const seconds = (performance.now() - began) / 1000
  output.write(`< ${name}: ${ending}, ${seconds.toFixed(1)} s\n`)
  output.end()
  const ended = { name, ending, seconds, coreSeconds: coreSecondsOf(await times) }
  return { ...ended, failures: hasFailed(ended) ? failures.lines : [] }
}

/**
 * Starts the parts in order, each once `cores` are free for it, or once nothing else runs. After one has failed, those
 * that run end, and no other is started. Returns those that were started, in order.
 */
export const runParts = async (
  parts: ReadonlyArray<Part>,
  cores: number,
  write: (chunk: string | Uint8Array) => void
): Promise<ReadonlyArray<Ended>> => {
  const outputs = new Outputs(write)
  const running = new Map<Part, Promise<Ended>>()
  const started: Array<Promise<Ended>> = []
  let [busy, isFailed] = [0, false]
  const run = async (part: Part, wanted: number): Promise<Ended> => {
    busy += wanted
    const end = await runPart(part, outputs.add())
    busy -= wanted
    running.delete(part)
    isFailed ||= hasFailed(end)
    return end
  }
  for (const part of parts) {
    const wanted = part.cores ?? 1
    while (running.size > 0 && busy + wanted > cores) await Promise.race(running.values())
    if (isFailed) break
    const one = run(part, wanted)
    running.set(part, one)
    started.push(one)
  }
  return Promise.all(started)
}
