/** One process for each job, so that no job finds what another left in memory. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Job, Measurement } from "./workloads/workload.ts"

/** A measurement, or why there is none. */
export type Outcome = Measurement | { readonly failed: string }

export interface RunOptions {
  /** A process that takes longer is ended. */
  readonly millisMax: number
  /** Folder for compiled code: what a user loads is not TypeScript, so no process should have to strip types. */
  readonly compiled: string
  /** For the engine. */
  readonly flags?: ReadonlyArray<string>
}

/** Runs a script in a process of its own; what it writes to file 3 is the result, as JSON. */
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
      const because = signal === "SIGKILL" ? `not done after ${Math.round(millisMax / 1000)} s` : reason(errors)
      resolve({ failed: because })
    })
  })

export const runJob = (job: Job, compiled: string): Promise<Outcome> =>
  runScript<Measurement>("worker.ts", job, { millisMax: 60_000 + job.size.bulkMillisMax * 2, compiled })

/** Loads all peers once, so that their code is compiled for what follows. The result: those that are not installed. */
export const findMissing = async (compiled: string): Promise<ReadonlyArray<string>> => {
  const missing = await runScript<ReadonlyArray<string>>("installed.ts", {}, { millisMax: 60_000, compiled })
  if ("failed" in missing) throw new Error(missing.failed)
  return missing
}

/** Cleans up before the process ends by Ctrl-C or a kill. */
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
