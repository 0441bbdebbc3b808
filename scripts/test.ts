/**
 * Runs everything that a change must pass, as `npm test` and the CI do. Ends with a table: how long each part took, and
 * for how long its processes kept a core busy. Exits with status 1 after the first part that fails.
 *
 * ```
 * npm test [-- PART…]
 * ```
 */
import { mkdtempSync, rmSync, statfsSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { checkEngine } from "./engine.ts"
import { type Ended, hasFailed, type Part, runParts } from "./test/runParts.ts"

const cores = availableParallelism()

/** Returns whether a file system in memory has room for the folders of the tests. */
const hasRoom = (folder: string): boolean => {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize >= 4 * 2 ** 30
  } catch {
    return false
  }
}

/** Thousands of small files, each of them synced: half the time in memory. The campaigns use the disk. */
const inMemory = hasRoom("/dev/shm") ? "TMPDIR=/dev/shm " : ""

/** Each stage begins once all parts of the one before have succeeded. */
const stages: ReadonlyArray<ReadonlyArray<Part>> = [
  [
    { name: "build", command: "npm run --silent build:standalone" },
    { name: "format", command: "npm run --silent format:check" }
  ],
  // These look at what was built, lint too, and build nothing again.
  [
    { name: "lint", command: "npm run --silent lint" },
    { name: "types", command: "npm run --silent types" },
    { name: "unused", command: "npm run --silent unused" },
    { name: "api", command: "node scripts/apiReport.ts --check" },
    { name: "docs", command: "npm run --silent docs:check" },
    { name: "package", command: "npm run --silent package:check" },
    { name: "runtimes", command: "npm_config_ignore_scripts=true npm run --silent test:runtimes", cores },
    { name: "examples", command: "npm run --silent examples", cores }
  ],
  [
    { name: "unit", command: `${inMemory}npm run --silent test:unit`, cores },
    { name: "reliability", command: "npm run --silent test:reliability", cores }
  ]
]

const tableOf = (parts: ReadonlyArray<Ended>): string => {
  const rows = parts.map(({ coreSeconds, ending, name, seconds }) => [
    name,
    seconds.toFixed(1),
    coreSeconds?.toFixed(1) ?? "?",
    ending === "status 0" ? "" : `FAILED: ${ending}`
  ])
  return [["part", "seconds", "core seconds", ""], ...rows]
    .map(([name, seconds, core, end]) =>
      `${name!.padEnd(12)}${seconds!.padStart(8)}${core!.padStart(14)}  ${end}`.trimEnd()
    )
    .join("\n")
}

/** Runs the parts with these names, or all. Their processes, some thousands, share the code that each has compiled. */
const runAll = async (names: ReadonlyArray<string>): Promise<ReadonlyArray<Ended>> => {
  const cache = mkdtempSync(join(tmpdir(), "litetapes-compiled-"))
  process.env["NODE_COMPILE_CACHE"] = cache
  const ended: Array<Ended> = []
  try {
    for (const stage of stages) {
      const chosen = stage.filter(({ name }) => names.length === 0 || names.includes(name))
      ended.push(...(await runParts(chosen, cores, (chunk) => void process.stdout.write(chunk))))
      if (ended.some(hasFailed)) break
    }
  } finally {
    rmSync(cache, { recursive: true, force: true, maxRetries: 5 })
  }
  return ended
}

const main = async (): Promise<number> => {
  checkEngine()
  const names = process.argv.slice(2)
  const known = new Set(stages.flat().map(({ name }) => name))
  if (!names.every((name) => known.has(name))) {
    process.stderr.write(`usage: npm test [-- PART…]; the parts are ${[...known].join(", ")}\n`)
    return 2
  }
  const began = performance.now()
  const ended = await runAll(names)
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  const failures = ended.flatMap(({ failures, name }) => failures.map((line) => `${name}: ${line}\n`)).join("")
  process.stdout.write(
    `\n${tableOf(ended)}\n${failures}${ended.some(hasFailed) ? "FAILED" : "passed"} after ${seconds} s\n`
  )
  return ended.some(hasFailed) ? 1 : 0
}

process.exitCode = await main()
