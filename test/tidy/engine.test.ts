import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { engineRefusal } from "../../scripts/engine.ts"
import { root } from "../support/documents.ts"

/** Runs a script of the project in a Node that reports `version` as its own. */
const runAs = (version: string, script: string, args: ReadonlyArray<string>) => {
  const pretend = `Object.defineProperty(process,"versions",{value:{...process.versions,node:"${version}"}})`
  const options = ["--conditions=litetapes-source", `--import=data:text/javascript,${pretend}`]
  return spawnSync(process.execPath, [...options, script, ...args], { cwd: root, encoding: "utf8" })
}

/** Scripts, each with arguments with which it would do little if it were not refused. */
const mains: ReadonlyArray<readonly [script: string, ...args: Array<string>]> = [
  ["node_modules/vitest/vitest.mjs", "list", "test/tidy/engine.test.ts"],
  ["test/reliability/main.ts", "--help"],
  ["bench/main.ts", "--help"],
  ["bench/growth.ts", "--help"],
  ["bench/concurrency.ts", "--help"],
  ["bench/transforms.ts", "--events", "1000"],
  ["bench/tags.ts", "--help"],
  ["bench/encode.ts", "100", "1"],
  ["bench/start.ts", "1"]
]

describe("the check of the Node version", () => {
  it.each(["18.20.4", "20.20.2", "22.0.0", "22.18.9", "21.7.3"])("refuses %s", (version) => {
    assert.strictEqual(
      engineRefusal(version, ">=22.19"),
      `litetapes needs Node 22.19 or later, but this is Node ${version}. ` +
        "Use `npm test`, `npm run` or `npx`, which take the Node 24 that `npm ci` has installed."
    )
  })

  it.each(["22.19.0", "22.19.0-rc.1", "22.20.1", "23.0.0", "23.11.1", "24.0.0", "24.21.0", "100.0.0"])(
    "accepts %s",
    (version) => assert.isUndefined(engineRefusal(version, ">=22.19"))
  )

  it("accepts the Node that runs it, and throws if the engines field is not of the form >=MAJOR.MINOR", () => {
    const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { engines: { node: string } }
    assert.isUndefined(engineRefusal(process.versions.node, engines.node))
    assert.throws(() => engineRefusal("24.0.0", "^22"), "engines.node")
  })

  it("finds the same Node version in .nvmrc and in devDependencies, from which npm ci installs it", () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      devDependencies: { node: string }
    }
    assert.strictEqual(readFileSync(join(root, ".nvmrc"), "utf8"), `${devDependencies.node}\n`)
  })

  it.each(mains)("makes %s refuse an old version in one line", (script, ...args) => {
    const { status, stderr, stdout } = runAs("22.18.9", script, args)
    assert.deepStrictEqual({ status, stdout }, { status: 2, stdout: "" })
    assert.match(stderr, /^litetapes needs Node 22\.19 or later, but this is Node 22\.18\.9\. .*\n$/)
  })
})
