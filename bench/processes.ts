/** Runs each job in its own process, so that a job is not affected by what an earlier one left in memory. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Job, Measurement } from "./workloads/workload.ts"

/** A measurement, or the reason why it failed. */
export type Outcome = Measurement | { readonly failed: string }

export interface RunOptions {
  /** A process that takes longer is killed. */
  readonly millisMax: number
  /**
   * Folder for compiled code. Users do not load TypeScript, so the measured processes should not spend time on
   * stripping types.
   */
  readonly compiled: string
  /** Flags for V8. */
  readonly flags?: ReadonlyArray<string>
}

/** Runs a script in its own process. Returns the JSON that the script writes to file descriptor 3. */
export const runScript = <A>(
  script: string,
  argument: unknown,
  { millisMax, compiled, flags = [] }: RunOptions
): Promise<A | { readonly failed: string }> =>
  new Promise((resolve) => {
    const path = fileURLToPath(new URL(script, import.meta.url))
    const child = spawn(process.execPath, ["--no-warnings", "--expose-gc", ...flags, path, JSON.stringify(argument)], {
      stdio: ["ignore", "ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_COMPILE_CACHE: compiled }
    })
    running.add(child)
    let told = ""
    let errors = ""
    child.stdio[3]!.on("data", (chunk: Buffer) => (told += chunk.toString()))
    child.stderr!.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)))
    const timer = setTimeout(() => child.kill("SIGKILL"), millisMax)
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      running.delete(child)
      if (code === 0 && told !== "") return resolve(JSON.parse(told) as A)
      const because = signal === "SIGKILL" ? `not finished after ${Math.round(millisMax / 1000)} s` : reason(errors)
      resolve({ failed: because })
    })
  })

export const runJob = (job: Job, compiled: string): Promise<Outcome> =>
  runScript<Measurement>("worker.ts", job, { millisMax: 60_000 + job.size.bulkMillisMax * 2, compiled })

/**
 * Loads all peers once, so that their code is compiled before the first job. Returns the peers that are not installed.
 */
export const findMissing = async (compiled: string): Promise<ReadonlyArray<string>> => {
  const missing = await runScript<ReadonlyArray<string>>("installed.ts", {}, { millisMax: 60_000, compiled })
  if ("failed" in missing) throw new Error(missing.failed)
  return missing
}

/** Calls `clean` before Ctrl-C or a kill ends the process. */
export const onSignal = (clean: () => void): void => {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143]
  ] as const) {
    process.once(signal, () => {
      for (const child of running) child.kill("SIGKILL")
      clean()
      process.exit(code)
    })
  }
}

const running = new Set<ChildProcess>()

const reason = (errors: string): string => {
  const lines = errors.split("\n").filter((line) => line.trim() !== "")
  return (lines.find((line) => /Error\b/.test(line)) ?? lines.at(-1) ?? "no output").trim().slice(0, 200)
}
