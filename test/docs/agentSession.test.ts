/**
 * The session log of `examples/agent-session`: nothing that it acknowledged is lost and nothing is there twice, wherever
 * its agent is killed and whenever its disk is full.
 */
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import * as FolderStorage from "litetapes/FolderStorage"
import { SimulatedDisk } from "litetapes/testing"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import * as SessionLog from "../../examples/agent-session/SessionLog.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newFolder = temporaryFolder()
const agent = fileURLToPath(new URL("../../examples/agent-session/agent.ts", import.meta.url))

const entriesOf = async (log: SessionLog.SessionLog): Promise<ReadonlyArray<SessionLog.Entry>> => {
  const entries: Array<SessionLog.Entry> = []
  for await (const entry of log.entries()) entries.push(entry)
  return entries
}

/** Runs the agent, and kills it after some milliseconds. Returns the turns that it acknowledged, and how it ended. */
const runAgent = (root: string, turns: number, killAfterMillis: number | undefined) =>
  new Promise<{ readonly acknowledged: ReadonlyArray<string>; readonly wasKilled: boolean }>((resolve, reject) => {
    const args = ["--conditions=litetapes-source", agent, root, "session", String(turns)]
    const env = { ...process.env, NODE_COMPILE_CACHE: path.join(root, "..", "compile-cache") }
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env })
    let said = ""
    let complaints = ""
    let timer: NodeJS.Timeout | undefined
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString()
      if (killAfterMillis !== undefined) timer ??= setTimeout(() => child.kill("SIGKILL"), killAfterMillis)
    })
    child.stderr.on("data", (chunk: Buffer) => (complaints += chunk.toString()))
    child.on("error", reject)
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      if (code !== 0 && signal !== "SIGKILL") return reject(new Error(`the agent failed: ${complaints}`))
      // A line without its newline was not said.
      return resolve({ acknowledged: said.split("\n").slice(0, -1), wasKilled: signal === "SIGKILL" })
    })
  })

/** Fails unless the log has the first turns, each whole and once, and all that were acknowledged. */
const assertTurns = (entries: ReadonlyArray<SessionLog.Entry>, acknowledged: ReadonlyArray<string>) => {
  const turns = entries.map(({ data, type }) => `${(data as { readonly turn: number }).turn} ${type}`)
  const expected = Array.from({ length: entries.length / 3 }, (_, turn) =>
    ["ModelSaid", "ToolCalled", "ToolReturned"].map((type) => `${turn} ${type}`)
  )
  assert.deepStrictEqual(turns, expected.flat())
  for (const turn of acknowledged) assert.isBelow(Number(turn.slice("turn-".length)), expected.length)
}

describe("the session log of an agent", () => {
  // It says that it waits for its disk.
  beforeEach(() => vi.spyOn(console, "error").mockReturnValue())
  afterEach(() => vi.restoreAllMocks())

  it("has every acknowledged turn once after kills at any moment", { timeout: 180_000 }, async () => {
    const root = path.join(newFolder(), "sessions")
    const turns = 5000
    const acknowledged: Array<string> = []
    let kills = 0
    for (let run = 0; run < 6; run++) {
      const { acknowledged: more, wasKilled } = await runAgent(root, turns, Math.floor(Math.random() * 60))
      acknowledged.push(...more)
      kills += wasKilled ? 1 : 0
      await using log = await SessionLog.open(root, "session")
      assertTurns(await entriesOf(log), acknowledged)
    }
    assert.isAbove(kills, 0)
    assert.strictEqual(new Set(acknowledged).size, acknowledged.length)
    const last = acknowledged.length + 2 * kills
    await runAgent(root, last, undefined)
    await using log = await SessionLog.open(root, "session")
    const entries = await entriesOf(log)
    assertTurns(entries, acknowledged)
    assert.isAtLeast(entries.length / 3, last)
  })

  it("has every turn once although its disk is full now and then, and none is lost by a kill after that", async () => {
    const window = fc.record({
      from: fc.nat({ max: 300 }),
      failures: fc.integer({ min: 1, max: 3 }),
      done: fc.constantFrom(0, 0.5, 1)
    })
    const property = fc.asyncProperty(fc.array(window, { minLength: 1, maxLength: 2 }), async (windows) => {
      let changes = 0
      let isReady = false
      const onStep = (step: SimulatedDisk.Step) => {
        // A full disk can neither write nor make files.
        if (!isReady || !["create", "write", "datasync", "sync", "makeFolder"].includes(step.operation))
          return undefined
        const at = changes++
        const full = windows.find(({ failures, from }) => at >= from && at < from + failures)
        return full === undefined ? undefined : { code: "ENOSPC", done: full.done }
      }
      const disk = SimulatedDisk.make({ onStep })
      const storageOf = (one: SimulatedDisk.SimulatedDisk) => FolderStorage.layer.pipe(Layer.provide(one.layer))
      const log = await SessionLog.open("/", "full", { storage: storageOf(disk), closeBytes: 3000 })
      isReady = true
      const turns = 40
      // Not awaited one by one: the log keeps their order.
      const appends = Array.from({ length: turns }, (_, turn) =>
        log.append(`turn-${turn}`, [
          { type: "ModelSaid", data: { turn } },
          { type: "ToolCalled", data: { turn, text: "a".repeat(turn) } },
          { type: "ToolReturned", data: { turn, text: "half of a pair: \ud83d" } }
        ])
      )
      await Promise.all(appends)
      const acknowledged = Array.from({ length: turns }, (_, turn) => `turn-${turn}`)
      const state = disk.state()
      isReady = false
      assertTurns(await entriesOf(log), acknowledged)
      // As after a kill at this moment: the log was not closed.
      await using next = await SessionLog.open("/", "full", { storage: storageOf(SimulatedDisk.make({ state })) })
      assertTurns(await entriesOf(next), acknowledged)
      assert.isTrue(await next.has("turn-39"))
      assert.isFalse(await next.has("turn-40"))
      await log[Symbol.asyncDispose]()
    })
    await fc.assert(property, { numRuns: 30 })
  })

  it("is removed with its day, and other days stay", async () => {
    const root = path.join(newFolder(), "sessions")
    const names = ["2026-10-31", "2026-11-01", "2026-11-02"].map((day) => SessionLog.newSession(new Date(day)))
    for (const name of names) {
      await using log = await SessionLog.open(root, name)
      await log.append("turn-0", [{ type: "UserSaid", data: undefined }])
    }
    assert.deepStrictEqual(await SessionLog.removeBefore(root, "2026-11-02"), names.slice(0, 2))
    await using log = await SessionLog.open(root, names[2]!)
    assert.lengthOf(await entriesOf(log), 1)
    const second = await SessionLog.open(root, names[2]!).catch((error: { readonly _tag: string }) => error._tag)
    assert.strictEqual(second, "LibLocked")
  })
})
