/** A seed gives the same disk in every process: otherwise the command that a failure prints would not repeat it. */
import { spawnSync } from "node:child_process"
import { assert, describe, it } from "vitest"

const moduleAt = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)

const program = `
  const { beAnonymous } = await import(${moduleAt("../crashes/anonymous.ts")})
  const { run } = await import(${moduleAt("../crashes/run.ts")})
  const { simulate } = await import(${moduleAt("../crashes/session.ts")})
  const { makeRandom } = await import(${moduleAt("../random.ts")})
  const { fingerprint } = await import(${moduleAt("../../../src/testing/DiskState.ts")})
  if (process.argv[1] === "anonymous") beAnonymous()
  const { points } = await simulate(run(["append", "overtake", "repack", "kill"], makeRandom(7)), makeRandom(1))
  console.log(points.map(({ state }) => fingerprint(state)).join())
`

const disks = (...args: ReadonlyArray<string>): string => {
  const flags = ["--conditions=litetapes-source", "--input-type=module", "-e", program, "--", ...args]
  const { status, stderr, stdout } = spawnSync(process.execPath, flags, { encoding: "utf8" })
  assert.strictEqual(status, 0, stderr)
  return stdout
}

describe("a run of a seed", () => {
  it("leaves the same disk at every point in two processes", () => {
    const one = disks("anonymous")
    assert.strictEqual(disks("anonymous"), one)
    // Otherwise there is nothing to hide.
    assert.notStrictEqual(disks("itself"), one)
  })
})
