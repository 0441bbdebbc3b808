/**
 * Runs the smoke suite in every runtime that is installed here: in this Node, and in those of
 * `binaries/package.json`. Packs the package, and installs it in an empty folder, as an application would have it.
 *
 * Compiles the package's declarations, too. Usage: npm run test:runtimes [-- --verbose NAME...]
 */
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { text } from "node:stream/consumers"
import { complaintsOfTypes } from "./types.ts"

interface Runtime {
  readonly name: string
  readonly command: ReadonlyArray<string>
  /** What it must print when it is asked for its version. */
  readonly version: RegExp
}

const root = path.join(import.meta.dirname, "../..")
const installed = path.join(import.meta.dirname, "binaries/node_modules")

const program = (...parts: ReadonlyArray<string>): string => path.join(installed, ...parts)

const node24: Runtime = { name: "node24", command: [process.execPath], version: /^v24\./ }

/** Runtimes that `npm ci --prefix test/runtimes/binaries` installs. */
const others: ReadonlyArray<Runtime> = [
  { name: "node22", command: [program("node22/bin/node")], version: /^v22\.19\.0$/ },
  { name: "node26", command: [program("node26/bin/node")], version: /^v26\.10\.0$/ },
  { name: "bun", command: [program("bun/bin/bun"), "--no-install"], version: /^1\.4\.5$/ },
  { name: "deno", command: [program("deno/deno"), "run", "--allow-all", "--no-remote"], version: /^deno 2\.9\.6/ }
]

/** Milliseconds after which a run is stopped: a process that does not end by itself is a fault, too. */
const timeoutMillis = 120_000

const verbose = process.argv.includes("--verbose")

/** Unpacks the package into `node_modules` of `folder`, with links to what it depends on. */
const install = (folder: string): void => {
  const modules = path.join(folder, "node_modules")
  const target = path.join(modules, "litetapes")
  fs.mkdirSync(target, { recursive: true })
  const pack = ["pack", "--json", "--pack-destination", folder]
  execFileSync("npm", pack, { cwd: root, stdio: ["ignore", "ignore", "pipe"] })
  const file = fs.readdirSync(folder).find((name) => name.endsWith(".tgz"))
  execFileSync("tar", ["xzf", path.join(folder, file!), "-C", target, "--strip-components=1"])
  for (const name of ["effect", "fast-check"]) {
    fs.symlinkSync(fs.realpathSync(path.join(root, "node_modules", name)), path.join(modules, name))
  }
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  for (const name of ["smoke.ts", "holder.ts"])
    fs.copyFileSync(path.join(import.meta.dirname, name), path.join(folder, name))
}

/** Runs the suite. Returns whether it passed. */
const smoke = async ({ command, name, version }: Runtime, folder: string): Promise<boolean> => {
  const [first, ...flags] = command
  const said = execFileSync(first!, ["--version"], { encoding: "utf8" }).trim()
  if (!version.test(said)) throw new Error(`${name} is ${said}, and not of the version ${version.source}`)
  const cwd = path.join(folder, name)
  fs.mkdirSync(cwd)
  const began = performance.now()
  const args = [...flags, path.join(folder, "smoke.ts"), JSON.stringify([command, node24.command])]
  const { ending, stderr, stdout } = await run(first!, args, cwd)
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  // A warning of a runtime about our code would be printed in every application.
  const complaints = stderr.split("\n").filter((line) => /warn/i.test(line) && !isExpected(line))
  const passed = ending === "status 0" && /^\d+ checks passed\n$/m.test(stdout) && complaints.length === 0
  process.stdout.write(`${passed ? "passed" : "FAILED"} ${name} (${said.split("\n")[0]}), ${seconds} s\n`)
  if (!passed || verbose) process.stdout.write(`${stdout}${stderr}${ending}\n`)
  return passed
}

const run = async (program: string, args: ReadonlyArray<string>, cwd: string) => {
  const env = { ...process.env, NODE_COMPILE_CACHE: path.join(cwd, "../compile-cache") }
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMillis })
  const [stdout, stderr, [status, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null, string | null]>
  ])
  return { stdout, stderr, ending: signal === null ? `status ${status}` : `signal ${signal}` }
}

/** Node 22 says that it removes types from these files, which an application would not let it do. */
const isExpected = (line: string): boolean => /Type Stripping is an experimental feature|--trace-warnings/.test(line)

const chosen = process.argv.slice(2).filter((arg) => arg !== "--verbose")
const isInstalled = fs.existsSync(installed)
const known = isInstalled ? [node24, ...others] : [node24]
const runtimes = known.filter(({ name }) => chosen.length === 0 || chosen.includes(name))
if (!isInstalled) {
  process.stdout.write(
    "Only Node 24 is tested. To test Node 22, Node 26, Bun and Deno: npm ci --prefix test/runtimes/binaries\n"
  )
}
const unknown = chosen.filter((name) => name !== "types" && known.every((runtime) => runtime.name !== name))
if (unknown.length > 0) {
  process.stderr.write(`not installed here: ${unknown.join(", ")}\n`)
  process.exit(2)
}
const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "litetapes-runtimes-")))
try {
  install(folder)
  const waiting = [...runtimes]
  let failures = 0
  if (chosen.length === 0 || chosen.includes("types")) {
    const complaints = complaintsOfTypes(folder)
    process.stdout.write(complaints === "" ? "passed types, without @types/node\n" : `FAILED types\n${complaints}`)
    if (complaints !== "") failures++
  }
  // Each of them, so that one failure does not hide another.
  const next = async (): Promise<void> => {
    for (let runtime = waiting.shift(); runtime !== undefined; runtime = waiting.shift()) {
      if (!(await smoke(runtime, folder))) failures++
    }
  }
  await Promise.all(Array.from({ length: os.availableParallelism() }, next))
  process.exitCode = failures === 0 ? 0 : 1
} finally {
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}
