/**
 * The session log of a coding agent. The agent is killed with SIGKILL three times in the middle of its work, and its disk
 * is full for a while. It continues each time, loses nothing that was acknowledged, and has nothing twice.
 * `agent-session/SessionLog.ts` is the part to copy.
 */
import * as FolderStorage from "litetapes/FolderStorage"
import { SimulatedDisk } from "litetapes/testing"
import * as Layer from "effect/Layer"
import * as assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as SessionLog from "./agent-session/SessionLog.ts"

const folder = mkdtempSync(join(tmpdir(), "litetapes-agent-"))
const turns = 40

try {
  const session = SessionLog.newSession()
  await killed(join(folder, "sessions"), session)
  await fullDisk()
  await retention(join(folder, "sessions"), session)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Runs the agent, and kills it once it has done `killAfter` more turns. Returns the turns that it has acknowledged. */
function run(root: string, session: string, killAfter = Number.POSITIVE_INFINITY): Promise<ReadonlyArray<string>> {
  const agent = fileURLToPath(import.meta.resolve("./agent-session/agent.ts"))
  const child = spawn(process.execPath, [...process.execArgv, agent, root, session, String(turns)], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const done: Array<string> = []
  createInterface({ input: child.stdout }).on("line", (turn) => {
    if (done.push(turn) >= killAfter) child.kill("SIGKILL")
  })
  return new Promise((resolve, reject) => child.on("error", reject).on("close", () => resolve(done)))
}

async function allOf(log: SessionLog.SessionLog): Promise<ReadonlyArray<SessionLog.Entry>> {
  const entries: Array<SessionLog.Entry> = []
  for await (const entry of log.entries()) entries.push(entry)
  return entries
}

async function killed(root: string, session: string): Promise<void> {
  const done: Array<string> = []
  for (const killAfter of [5, 1, 12]) {
    done.push(...(await run(root, session, killAfter)))
    console.log(`Killed after ${done.length} turns.`)
  }
  await run(root, session)
  await using log = await SessionLog.open(root, session)
  for (const turn of done) assert.ok(await log.has(turn))
  const entries = await allOf(log)
  const expected = Array.from({ length: turns }, (_, turn) =>
    ["ModelSaid", "ToolCalled", "ToolReturned"].map((type) => [turn, type])
  )
  const found = entries.map(({ data, type }) => [(data as { readonly turn: number }).turn, type])
  assert.deepEqual(found, expected.flat())
  console.log(`The log has ${turns} turns of 3 entries, each once and in order.`)
}

/** The disk is a simulated one, because a real one is hard to fill: from its 30th write on, five fail. */
async function fullDisk(): Promise<void> {
  let writes = 0
  const disk = SimulatedDisk.make({
    onStep: ({ operation }) =>
      operation === "write" && (writes += 1) >= 30 && writes < 35 ? { code: "ENOSPC", done: 0.5 } : undefined
  })
  await using log = await SessionLog.open("/", "full", { storage: FolderStorage.layer.pipe(Layer.provide(disk.layer)) })
  for (let n = 0; n < turns; n++) await log.append(`turn-${n}`, [{ type: "UserSaid", data: n }])
  const entries = await allOf(log)
  assert.deepEqual(
    entries.map(({ data }) => data),
    Array.from({ length: turns }, (_, n) => n)
  )
  console.log(`The disk was full for a while. All ${entries.length} turns are there, each once.`)
}

async function retention(root: string, session: string): Promise<void> {
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
  assert.deepEqual(await SessionLog.removeBefore(root, session.slice(0, 10)), [])
  assert.deepEqual(await SessionLog.removeBefore(root, tomorrow), [session])
  console.log("The session of an earlier day is removed.")
}
