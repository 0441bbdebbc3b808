/** Programs in their own processes, which report what they have done on descriptor 3, line by line. */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

export interface ChildOptions {
  readonly script: URL
  readonly args: ReadonlyArray<string>
  /** A folder for compiled programs, so that only the first start compiles. Not used if the environment names one. */
  readonly scratch: string
  /** The program that runs the child, with its arguments, as `["strace", "-f"]`. */
  readonly under?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** A descriptor that receives the child's lines, instead of `onLine`. */
  readonly log?: number
  /** Called with each whole line that the child reports. */
  readonly onLine?: (line: string) => void
}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Child {
  readonly pid: number
  readonly send: (signal: NodeJS.Signals) => void
  readonly ended: Promise<Ending>
  /** Returns what the child wrote to its standard error. */
  readonly complaints: () => string
}

/**
 * Reports a line from a child. It is one system call, so lines of many children do not mix; and nothing else uses this
 * call, so a trace shows which ones are reports.
 */
export const say = (line: string): void => {
  fs.writevSync(3, [Buffer.from(line), newline])
}

const newline = Buffer.from("\n")

export const startChild = (options: ChildOptions): Child => {
  const { script, args, scratch, under = [], log, onLine } = options
  const [command, ...rest] = [
    ...under,
    process.execPath,
    "--conditions=litetapes-source",
    fileURLToPath(script),
    ...args
  ]
  const child: ChildProcess = spawn(command!, rest, {
    stdio: ["ignore", "ignore", "pipe", log ?? "pipe"],
    env: { NODE_COMPILE_CACHE: path.join(scratch, "compile-cache"), ...process.env, ...options.env }
  })
  let complaints = ""
  child.stderr!.on("data", (chunk: Buffer) => (complaints += chunk.toString()))
  let cut = ""
  const said = child.stdio[3] as NodeJS.ReadableStream | null | undefined
  said?.on("data", (chunk: Buffer) => {
    const lines = (cut + chunk.toString()).split("\n")
    // A line without its newline was not reported.
    cut = lines.pop()!
    for (const line of lines) onLine?.(line)
  })
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once("error", reject)
    // Not `exit`, because `close` comes after the last reported line.
    child.once("close", (code, signal) => resolve({ code, signal }))
  })
  return {
    pid: child.pid ?? 0,
    send: (signal) => void child.kill(signal),
    ended,
    complaints: () => complaints
  }
}

/**
 * Runs a script without arguments, which only loads it, so that its compiled code is cached. Children that are killed
 * later would never write that cache.
 */
export const warmUp = async (script: URL, scratch: string): Promise<void> => {
  const child = startChild({ script, args: [], scratch })
  const { code } = await child.ended
  if (code !== 0) throw new Error(`${script.pathname} cannot be loaded: ${child.complaints()}`)
}

/** Waits until `isSo` returns true, and checks every few milliseconds. Fails after a minute. */
export const until = async (what: string, isSo: () => boolean): Promise<void> => {
  const deadline = performance.now() + 60_000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`a minute has passed, and still not: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Runs `body` with a folder that is removed afterwards, on a disk, or in memory if the system has such a place. */
export const withScratch = async <A>(where: "disk" | "memory", body: (folder: string) => Promise<A>): Promise<A> => {
  const parent = where === "memory" && isWritable("/dev/shm") ? "/dev/shm" : os.tmpdir()
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(parent, "litetapes-")))
  try {
    return await body(folder)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

const isWritable = (folder: string): boolean => {
  try {
    fs.accessSync(folder, fs.constants.W_OK)
    return true
  } catch {
    return false
  }
}
