/** If the memory that bad input takes cannot be measured, the campaign says so. It never counts as little. */
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
  it("returns the growth of the peak above the size at the start", () => {
    say("VmHWM:\t    900 kB\nVmRSS:\t    100 kB\n")
    const grown = startMeasuring(folder)
    assert.strictEqual(fs.readFileSync(path.join(folder, "clear_refs"), "utf8"), "5")
    say("VmHWM:\t    140 kB\nVmRSS:\t    110 kB\n")
    assert.deepStrictEqual(grown(), { bytes: 40 * 1024 })
  })

  it("says that the growth is unknown without clear_refs, VmRSS or VmHWM", () => {
    assert.match(unknownOf(startMeasuring(path.join(folder, "none"))()), /ENOENT.*clear_refs/)
    say("VmHWM:\t    900 kB\n")
    assert.match(unknownOf(startMeasuring(folder)()), /has no VmRSS/)
    say("VmRSS:\t    100 kB\n")
    assert.match(unknownOf(startMeasuring(folder)()), /has no VmHWM/)
  })
})

const unknownOf = (growth: ReturnType<ReturnType<typeof startMeasuring>>): string =>
  "unknown" in growth ? growth.unknown : `${growth.bytes} bytes`

describe("the report on memory", () => {
  it("names the input that took the most memory", () => {
    const tally = new MemoryTally()
    tally.add({ bytes: 1024 * 1024 }, 7)
    tally.add({ bytes: 5 * 1024 * 1024 }, 8)
    assert.deepStrictEqual(tally.figures(), ["memory measured for 2 inputs; input 8 took the most: 5.0 MiB"])
    assert.deepStrictEqual(tally.failures("linux"), [])
  })

  it("says how many inputs were not measured, and fails on Linux if none was", () => {
    const tally = new MemoryTally()
    tally.add({ unknown: "no VmHWM" }, 1)
    tally.add({ unknown: "no VmHWM" }, 2)
    assert.deepStrictEqual(tally.figures(), ["memory not measured for 2 inputs: no VmHWM"])
    assert.deepStrictEqual(tally.failures("darwin"), [])
    assert.deepStrictEqual(tally.failures("linux"), ["memory was measured for no input: no VmHWM"])
    tally.add({ bytes: 0 }, 3)
    assert.deepStrictEqual(tally.failures("linux"), [])
    assert.strictEqual(tally.figures().length, 2)
  })
})
