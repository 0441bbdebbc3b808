/** Where the memory that bad input takes cannot be looked at, the campaign says so, and does not take it for little. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { startMeasuring } from "../inputs/memory.ts"
import { MemoryTally } from "../inputs/memoryTally.ts"

let folder = ""

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "litetapes-status-"))
})

afterEach(() => fs.rmSync(folder, { recursive: true }))

const say = (status: string) => fs.writeFileSync(path.join(folder, "status"), status)

describe("measuring the growth of a process", () => {
  it("finds out by how much it was larger", () => {
    say("VmHWM:\t    900 kB\nVmRSS:\t    100 kB\n")
    const grown = startMeasuring(folder)
    assert.strictEqual(fs.readFileSync(path.join(folder, "clear_refs"), "utf8"), "5")
    say("VmHWM:\t    140 kB\nVmRSS:\t    110 kB\n")
    assert.deepStrictEqual(grown(), { bytes: 40 * 1024 })
  })

  it("does not know it without clear_refs, VmRSS or VmHWM", () => {
    assert.match(unknownOf(startMeasuring(path.join(folder, "none"))()), /ENOENT.*clear_refs/)
    say("VmHWM:\t    900 kB\n")
    assert.match(unknownOf(startMeasuring(folder)()), /has no VmRSS/)
    say("VmRSS:\t    100 kB\n")
    assert.match(unknownOf(startMeasuring(folder)()), /has no VmHWM/)
  })
})

const unknownOf = (growth: ReturnType<ReturnType<typeof startMeasuring>>): string =>
  "unknown" in growth ? growth.unknown : `${growth.bytes} bytes`

describe("what is said of memory", () => {
  it("names the largest", () => {
    const tally = new MemoryTally()
    tally.add({ bytes: 1024 * 1024 }, 7)
    tally.add({ bytes: 5 * 1024 * 1024 }, 8)
    assert.deepStrictEqual(tally.figures(), [
      "memory checked for 2 inputs; the largest is 8: 5.0 MiB more than before it"
    ])
    assert.deepStrictEqual(tally.failures("linux"), [])
  })

  it("says what was not checked, and fails on Linux where nothing was", () => {
    const tally = new MemoryTally()
    tally.add({ unknown: "no VmHWM" }, 1)
    tally.add({ unknown: "no VmHWM" }, 2)
    assert.deepStrictEqual(tally.figures(), ["memory not checked for 2 inputs: no VmHWM"])
    assert.deepStrictEqual(tally.failures("darwin"), [])
    assert.deepStrictEqual(tally.failures("linux"), ["memory was checked for no input: no VmHWM"])
    tally.add({ bytes: 0 }, 3)
    assert.deepStrictEqual(tally.failures("linux"), [])
    assert.strictEqual(tally.figures().length, 2)
  })
})
