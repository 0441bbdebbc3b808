/** A share of a campaign that cannot be shared out is refused: nothing that was not run is told to be without a finding. */
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

describe("shares of campaigns", () => {
  it("refuses each share of a campaign that runs whole", () => {
    for (const share of ["1/2", "2/2"]) {
      const { status, stderr, stdout } = run("--share", share, "soak")
      assert.strictEqual(status, 2)
      assert.match(stderr, /soak cannot be shared out: run it without --share/)
      assert.strictEqual(stdout, "")
    }
  })

  it("refuses more shares than a campaign has parts", () => {
    const { status, stderr, stdout } = run("--share", "1/3", "full")
    assert.strictEqual(status, 2)
    assert.match(stderr, /full can be shared out into 2 at most, not into 3/)
    assert.strictEqual(stdout, "")
  })
})
