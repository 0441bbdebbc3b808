/** Runs the examples as a user would, each in a fresh folder, and checks their exit codes and their output. */
import * as Effect from "effect/Effect"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { zstdDecompressSync } from "node:zlib"
import { makeRepository } from "./internal/demoRepository.ts"
import { nastyHistory, nastyStreams } from "./internal/nastyRepository.ts"

const root = path.resolve(import.meta.dirname, "..")
const scratch = mkdtempSync(path.join(tmpdir(), "litetapes-examples-"))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs an example of the checkout at `from` in the folder `cwd`, and creates that folder. */
const run = (
  example: string,
  args: ReadonlyArray<string>,
  cwd: string,
  { from = root, env = process.env }: { readonly from?: string; readonly env?: NodeJS.ProcessEnv } = {}
): Promise<Ended> => {
  mkdirSync(cwd, { recursive: true })
  const file = path.join(from, "examples", example)
  const child = spawn(process.execPath, ["--conditions=litetapes-source", file, ...args], {
    cwd,
    env,
    timeout: 300_000
  })
  const ended = { out: "", err: "" }
  child.stdout.on("data", (chunk: Buffer) => (ended.out += chunk.toString()))
  child.stderr.on("data", (chunk: Buffer) => (ended.err += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, ...ended }))
  })
}

const says = ({ code, out, err }: Ended, ...expected: ReadonlyArray<string | RegExp>): void => {
  const all = `${out}\n${err}`
  assert.equal(code, 0, all)
  for (const one of expected) {
    assert.ok(typeof one === "string" ? out.includes(one) : one.test(out), `the output lacks ${String(one)}:\n${all}`)
  }
}

const refuses = ({ code, out, err }: Ended, codeExpected: number, message: string): void => {
  assert.equal(code, codeExpected, `${out}\n${err}`)
  assert.ok(err.includes(message), `the errors lack ${JSON.stringify(message)}:\n${out}\n${err}`)
  assert.ok(!err.includes("    at "), `users must not see a stack:\n${err}`)
}

const inScratch = (...parts: ReadonlyArray<string>): string => path.join(scratch, ...parts)

const git = (...args: ReadonlyArray<string>): void => {
  const { status, stderr } = spawnSync("git", args, { encoding: "utf8" })
  assert.equal(status, 0, stderr)
}

const finished = [
  /no position missing/,
  /All [\d,]+ are there/,
  /records? in [\d,]+ segments?, [\d.]+ \w+, are intact/,
  /[\d.]+ \w+ before, [\d.]+ \w+ after/,
  /all three are equivalent, [\d,]+ records? with the root [0-9a-f]{16}/,
  /is proved to be one of [\d,]+ records? by [\d,]+ bytes/,
  /Found after .*seg-\d+\.jsonl\.zst is damaged at byte/,
  "They are lines of JSON, compressed by zstd"
]

/** Types of the events of each stream, in order, read from the segment files. */
const streamsIn = (folder: string): Map<string, Array<string>> => {
  const streams = new Map<string, Array<string>>()
  for (const name of readdirSync(folder).toSorted()) {
    if (!name.startsWith("seg-")) continue
    const bytes = readFileSync(path.join(folder, name))
    const lines = (name.endsWith(".zst") ? zstdDecompressSync(bytes) : bytes).toString()
    for (const line of lines.trimEnd().split("\n")) {
      const event = JSON.parse(line) as { readonly $type: string; readonly stream: string }
      streams.set(event.stream, [...(streams.get(event.stream) ?? []), event.$type])
    }
  }
  return streams
}

const checks: ReadonlyArray<readonly [name: string, check: () => Promise<void>]> = [
  [
    "quickstart, twice",
    async () => {
      const cwd = inScratch("quickstart")
      says(await run("quickstart.ts", [], cwd), "OrderPlaced", "OrderPaid")
      const again = await run("quickstart.ts", [], cwd)
      says(again, "OrderPlaced")
      assert.equal(again.out.match(/OrderPaid/g)?.length, 2, again.out)
    }
  ],
  [
    "bank",
    async () => says(await run("bank.ts", [], inScratch("bank")), "33 were paid, 17 refused", "Never overdrawn")
  ],
  [
    "course",
    async () => says(await run("course.ts", [], inScratch("course")), "20 places taken, 10 in each", "without a gap")
  ],
  [
    "process-manager",
    async () =>
      says(
        await run("process-manager.ts", [], inScratch("process-manager")),
        "was killed 3 times",
        "PaymentTaken: 150 orders, each of them once",
        "OrderShipped: 150 orders, each of them once"
      )
  ],
  [
    "shop",
    async () =>
      says(
        await run("shop/session.ts", [], inScratch("shop")),
        "The shop was killed while it waited for the bank",
        "Bob: 550 cents, payment taken, shipped",
        "Eve: 1500 cents, payment none, cancelled (out of stock)",
        "Mia: 500000 cents, payment declined, cancelled",
        "took the money for each of 2 orders once",
        "Stopped"
      )
  ],
  [
    "reminders",
    async () =>
      says(
        await run("reminders.ts", [], inScratch("reminders")),
        "was killed 2 times",
        /\d+ payments are dead letters/,
        /\d+ orders are paid, each once, in \d+ calls of the bank/,
        "cancelled, each once"
      )
  ],
  ["backup", async () => says(await run("backup.ts", [], inScratch("backup")), "LibIsBackup", "appended there")],
  ["tapes", async () => says(await run("tapes.ts", [], inScratch("tapes")), "One batch over", "verified", "Archived")],
  [
    "erasure",
    async () =>
      says(
        await run("erasure.ts", [], inScratch("erasure")),
        "Ada Lovelace",
        "No file of the lib contains a name",
        "Ada:   CustomerRegistered: forgotten; AddressChanged: forgotten",
        "Grace Hopper's street",
        "Ada, in the backup: CustomerRegistered: forgotten; AddressChanged: forgotten",
        "The tape verifies"
      )
  ],
  ["promises", async () => says(await run("promises.ts", [], inScratch("promises")), "it is there once", "Read back")],
  [
    "service",
    async () =>
      says(
        await run("service.ts", [], inScratch("service")),
        "CommitOutcomeUnknown, the append is repeated",
        "All 30 orders were placed",
        "30 events, each once"
      )
  ],
  [
    "sql-read-model",
    async () =>
      says(
        await run("sql-read-model.ts", [], inScratch("sql-read-model")),
        "9000 cents",
        "Version 2 has handled all 2006 events, each once",
        "Version 1 was dropped"
      )
  ],
  [
    "read-model",
    async () =>
      says(
        await run("read-model.ts", [], inScratch("read-model")),
        "Continued after 120 events and handled 180 more: each counts once",
        "Rebuilt without the mistake"
      )
  ],
  ["duckdb", async () => says(await run("duckdb.ts", [], inScratch("duckdb")), "DuckDB sees 3300 of 3302 events")],
  [
    "follower",
    async () =>
      says(
        await run("follower.ts", [], inScratch("follower")),
        "The writer was killed",
        "The subscription saw every event once and in order",
        "The consumer missed none"
      )
  ],
  [
    "consumer",
    async () =>
      says(
        await run("consumer.ts", [], inScratch("consumer")),
        "19 invoices were sent, 1 is parked, 0 events are left",
        "order-13 was parked: no such address",
        "All 30 invoices were sent"
      )
  ],
  [
    "health",
    async () =>
      says(
        await run("health.ts", [], inScratch("health")),
        "Not ready. CommitOutcomeUnknown",
        "the writer has stopped",
        "Ready again"
      )
  ],
  [
    "observed",
    async () =>
      says(
        await run("observed.ts", [], inScratch("observed")),
        'Healthy: {"healthy":true,"problems":[]}',
        /^litetapes_position\{.*\} 200$/m,
        /^litetapes_conflicts_total\{.*reason="revision"\} 1$/m,
        /Not healthy: .*invoices is stopped: .*no such address/,
        "Spans: litetapes.append, litetapes.commit, litetapes.consume, litetapes.flush, litetapes.open"
      )
  ],
  [
    "cluster",
    async () =>
      says(
        await run("cluster.ts", [], inScratch("cluster")),
        "100 orders, each once. 2 writers: the first one was killed.",
        "Closed"
      )
  ],
  [
    "from-sqlite",
    async () =>
      says(
        await run("from-sqlite.ts", [], inScratch("from-sqlite")),
        "continued with the 2500 rows that were left",
        "All 5500 rows are events now",
        "nothing was copied"
      )
  ],
  [
    "import-sqlite",
    async () =>
      says(
        await run("import-sqlite.ts", [], inScratch("import-sqlite")),
        "All 1500 rows are events now, in the same order",
        "Run again: 0 appended, 1500 were there",
        "Emmett's 300 events"
      )
  ],
  [
    "agent-session",
    async () =>
      says(
        await run("agent-session.ts", [], inScratch("agent-session")),
        /Killed after \d+ turns/,
        "40 turns of 3 entries, each once and in order",
        "All 40 turns are there, each once",
        "an earlier day is removed"
      )
  ],
  [
    "own-storage",
    async () => says(await run("own-storage.ts", [], inScratch("own-storage")), /pass [5-9]\d/, /fail 0/)
  ],
  [
    "git-history: help and wrong calls",
    async () => {
      const cwd = inScratch("calls")
      says(await run("git-history.ts", ["--help"], cwd), "--into FOLDER")
      refuses(await run("git-history.ts", ["--nonsense"], cwd), 2, "--nonsense")
      refuses(await run("git-history.ts", ["one", "two"], cwd), 2, "one repository at a time")
      refuses(await run("git-history.ts", ["nowhere"], cwd), 1, "nowhere is not a folder")
      refuses(await run("git-history.ts", ["."], cwd), 1, "is not a git repository")
      const env = { ...process.env, PATH: cwd }
      refuses(await run("git-history.ts", ["."], cwd, { env }), 1, "git was not found")
    }
  ],
  [
    "git-history: nasty names, then again",
    async () => {
      const cwd = inScratch("nasty")
      const repository = inScratch("nasty repository")
      mkdirSync(repository)
      await Effect.runPromise(Effect.provide(makeRepository(repository, nastyHistory), NodeServices.layer))
      const first = await run("git-history.ts", [repository, "--into", "a folder/lib"], cwd)
      says(first, `: ${nastyHistory.length} commits.`, `   ${nastyHistory.length} commits, `, ...finished)
      const folder = path.join(cwd, "a folder", "lib", "file")
      const streams = streamsIn(folder)
      for (const [stream, types] of nastyStreams) {
        const found = [...streams].find(([name]) => (typeof stream === "string" ? name === stream : stream.test(name)))
        assert.equal(found?.[1].join(" "), types, `${String(stream)}: of ${[...streams.keys()].join("\n")}`)
      }
      // Two paths that are not UTF-8 print the same; each has its own stream.
      assert.equal(streams.size, nastyStreams.length + 1)
      assert.ok(!/(?!\n)\p{Cc}/u.test(first.out), "control characters reached the terminal")
      const again = await run("git-history.ts", [repository, "--into", "a folder/lib"], cwd)
      says(again, `${nastyHistory.length} commits were known already, nothing was appended`, ...finished)
      assert.deepEqual(streamsIn(folder), streams)
      refuses(await run("git-history.ts", [root, "--into", "a folder/lib"], cwd), 1, "choose another folder")
    }
  ],
  [
    "git-history: empty and shallow repositories, a folder that is taken",
    async () => {
      const cwd = inScratch("special")
      git("init", "--quiet", inScratch("empty repository"))
      says(
        await run("git-history.ts", [inScratch("empty repository"), "--into", "empty"], cwd),
        ": 0 commits.",
        ...finished
      )
      const shallow = inScratch("shallow repository")
      git("clone", "--quiet", "--bare", "--depth", "2", `file://${inScratch("nasty repository")}`, shallow)
      says(await run("git-history.ts", [shallow, "--into", "shallow"], cwd), "cut off", ...finished)
      refuses(await run("git-history.ts", [shallow, "--into", shallow], cwd), 1, "is not a lib")
    }
  ],
  [
    "git-history: a copy of the checkout without .git, twice",
    async () => {
      const from = inScratch("copy")
      mkdirSync(from)
      for (const name of ["package.json", "src", "examples"]) {
        cpSync(path.join(root, name), path.join(from, name), { recursive: true })
      }
      symlinkSync(path.join(root, "node_modules"), path.join(from, "node_modules"))
      const cwd = inScratch("without")
      says(await run("git-history.ts", [], cwd, { from }), "has no .git", "recipes/bread.md", "2025-06", ...finished)
      mkdirSync(path.join(from, ".git"))
      says(
        await run("git-history.ts", [], cwd, { from }),
        "cannot be read",
        "7 commits were known already",
        ...finished
      )
    }
  ],
  [
    "git-history: this checkout, and jq",
    async () => {
      if (!existsSync(path.join(root, ".git"))) return
      const cwd = inScratch("own")
      const { out, ...ended } = await run("git-history.ts", [], cwd)
      says({ out, ...ended }, "Most changed of", ...finished)
      const line = /^ +(zstd .*jq .*)$/m.exec(out)?.[1]
      assert.ok(line !== undefined, out)
      // Users need jq and zstd for this line. If they are not installed here, there is nothing to test.
      if (spawnSync("bash", ["-c", "command -v jq && command -v zstd"]).status !== 0) return
      const tried = spawnSync("bash", ["-o", "pipefail", "-c", line], { cwd, encoding: "utf8" })
      assert.equal(tried.status, 0, tried.stderr)
      assert.match(tried.stdout, /^\d{4}-\d\d-\d\dT.*: /)
    }
  ]
]

let failed = 0
const left = [...checks]
/** Two run at a time: most of what they do is to wait for processes. */
const work = async (): Promise<void> => {
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    const [name, check] = next
    const start = performance.now()
    try {
      await check()
      console.log(`ok    ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
    } catch (error) {
      failed++
      console.log(`FAIL  ${name}\n${error instanceof Error ? error.message : String(error)}`)
    }
  }
}
try {
  await Promise.all([work(), work()])
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`${checks.length - failed} passed, ${failed} failed`)
if (failed > 0) process.exitCode = 1
