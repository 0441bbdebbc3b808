/** A writer in a process of its own, and its end. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const script = fileURLToPath(new URL("../process/killWriter.ts", import.meta.url))

/** When to kill: behind so many acknowledgements, or so many milliseconds after so many openings began. */
export type Moment = { readonly acks: number } | { readonly openings: number; readonly millis: number }

export interface Ack {
  readonly lane: number
  readonly seq: number
  readonly firstOrdinals: ReadonlyArray<number>
}

/** Runs a writer, kills it at that moment, and gives what it had acknowledged by then. */
export const runAndKill = async (
  location: string,
  run: number,
  mode: "append" | "reopen",
  moment: Moment
): Promise<ReadonlyArray<Ack>> => {
  const child: ChildProcess = spawn(
    process.execPath,
    ["--conditions=litetapes-source", script, location, String(run), mode],
    {
      stdio: ["ignore", "pipe", "pipe"],
      // Compiled once for all rounds over one folder.
      env: { ...process.env, NODE_COMPILE_CACHE: path.join(path.dirname(location), "compile-cache") }
    }
  )
  const closed = once(child, "close")
  let said = ""
  let complaints = ""
  let killed = false
  const kill = () => {
    killed = true
    child.kill("SIGKILL")
  }
  let [acks, openings] = [0, 0]
  const heard = (line: string) => {
    if (line.startsWith("ack ")) acks += 1
    if (line === "opening") openings += 1
    if ("acks" in moment && acks === moment.acks) kill()
    if ("openings" in moment && line === "opening" && openings === moment.openings) setTimeout(kill, moment.millis)
  }
  let rest = ""
  child.stderr!.on("data", (chunk: Buffer) => (complaints += chunk.toString()))
  child.stdout!.on("data", (chunk: Buffer) => {
    said += chunk.toString()
    const lines = (rest + chunk.toString()).split("\n")
    rest = lines.pop()!
    for (const line of lines) if (!killed) heard(line)
  })
  await closed
  if (!killed) throw new Error(`the writer ended by itself: ${complaints}`)
  // A line that was cut was not said.
  return said.split("\n").slice(0, -1).flatMap(toAck)
}

const toAck = (line: string): ReadonlyArray<Ack> => {
  const [word, lane, seq, ...firstOrdinals] = line.split(" ")
  return word === "ack" ? [{ lane: Number(lane), seq: Number(seq), firstOrdinals: firstOrdinals.map(Number) }] : []
}
