/** A share is refused if the campaign cannot be split: what did not run must not be reported as having no failures. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"

const main = fileURLToPath(new URL("../main.ts", import.meta.url))

const run = (...args: ReadonlyArray<string>) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--conditions=litetapes-source", main, ...args], {
    encoding: "utf8"
  })
  return { status, stdout, stderr }
}

describe("--share of the reliability campaigns", () => {
  it("refuses every share of a campaign that cannot be split", () => {
    for (const share of ["1/2", "2/2"]) {
      const { status, stderr, stdout } = run("--share", share, "soak")
      assert.strictEqual(status, 2)
      assert.match(stderr, /soak cannot be split: run it without --share/)
      assert.strictEqual(stdout, "")
    }
  })

  it("refuses more shares than the campaign has parts", () => {
    const { status, stderr, stdout } = run("--share", "1/3", "full")
    assert.strictEqual(status, 2)
    assert.match(stderr, /full can be split into at most 2 shares, not 3/)
    assert.strictEqual(stdout, "")
  })
})
