import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { engineRefusal } from "../../scripts/engine.ts"
import { root } from "../support/documents.ts"

/** Runs a script of the project in a Node that says it is another version. */
const runAs = (version: string, script: string, args: ReadonlyArray<string>) => {
  const pretend = `Object.defineProperty(process,"versions",{value:{...process.versions,node:"${version}"}})`
  const options = ["--conditions=litetapes-source", `--import=data:text/javascript,${pretend}`]
  return spawnSync(process.execPath, [...options, script, ...args], { cwd: root, encoding: "utf8" })
}

/** With arguments that would do little, were it not refused. */
const mains: ReadonlyArray<readonly [script: string, ...args: Array<string>]> = [
  ["node_modules/vitest/vitest.mjs", "list", "test/tidy/engine.test.ts"],
  ["test/reliability/main.ts", "--help"],
  ["bench/main.ts", "--help"],
  ["bench/growth.ts", "--help"],
  ["bench/concurrency.ts", "--help"],
  ["bench/transforms.ts", "--events", "1000"],
  ["bench/encode.ts", "100", "1"]
]

describe("a Node that is too old", () => {
  it.each(["18.20.4", "20.20.2", "22.0.0", "22.18.9", "21.7.3"])("is refused: %s", (version) => {
    assert.strictEqual(
      engineRefusal(version, ">=22.19"),
      `litetapes needs Node 22.19 or later, but this is Node ${version}. ` +
        "Use `npm test`, `npm run` or `npx`, which take the Node 24 that `npm ci` has installed."
    )
  })

  it.each(["22.19.0", "22.19.0-rc.1", "22.20.1", "23.0.0", "23.11.1", "24.0.0", "24.21.0", "100.0.0"])(
    "is not %s",
    (version) => assert.isUndefined(engineRefusal(version, ">=22.19"))
  )

  it("is one below the engines field of package.json, which must have the form >=MAJOR.MINOR", () => {
    const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { engines: { node: string } }
    assert.isUndefined(engineRefusal(process.versions.node, engines.node))
    assert.throws(() => engineRefusal("24.0.0", "^22"), "engines.node")
  })

  it("is never the one that .nvmrc names, which npm ci installs too", () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      devDependencies: { node: string }
    }
    assert.strictEqual(readFileSync(join(root, ".nvmrc"), "utf8"), `${devDependencies.node}\n`)
  })

  it.each(mains)("is refused by %s in one line", (script, ...args) => {
    const { status, stderr, stdout } = runAs("22.18.9", script, args)
    assert.deepStrictEqual({ status, stdout }, { status: 2, stdout: "" })
    assert.match(stderr, /^litetapes needs Node 22\.19 or later, but this is Node 22\.18\.9\. .*\n$/)
  })
})
