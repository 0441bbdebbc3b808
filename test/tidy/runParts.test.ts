/** The parts of `npm test` run at the same time: their lines do not mix, and no failure is lost. */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "vitest"
import { hasFailed, type Part, runParts } from "../../scripts/test/runParts.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const place = temporaryFolder()

const run = async (parts: ReadonlyArray<Part>, cores: number) => {
  let output = ""
  const ended = await runParts(parts, cores, (chunk) => (output += chunk.toString()))
  return { ended, endings: ended.map(({ ending, name }) => `${name}: ${ending}`), output }
}

describe("the parts of npm test", () => {
  it("run at the same time, and the lines of one never stand between those of another", async () => {
    const folder = place()
    fs.mkdirSync(folder)
    // Each ends only when the other has begun, after it has written a line.
    const meeting = (name: string, other: string): Part => ({
      name,
      command: `cd ${folder}; echo ${name} begins; touch ${name}; while [ ! -e ${other} ]; do sleep 0.01; done; echo ${name} ends`
    })
    const { endings, output } = await run([meeting("one", "other"), meeting("other", "one")], 2)
    assert.deepStrictEqual(endings, ["one: status 0", "other: status 0"])
    assert.match(output, /> one: .*\none begins\none ends\n< one: .*\n\n> other: .*\nother begins\nother ends\n< other/)
  })

  it("never keep more cores busy than there are, unless one alone does", async () => {
    const folder = place()
    fs.mkdirSync(folder)
    const log = path.join(folder, "log")
    const part = (name: string, cores: number): Part => ({
      name,
      cores,
      command: `echo +${cores} >> ${log}; sleep 0.05; echo -${cores} >> ${log}`
    })
    const parts = [part("a", 1), part("b", 2), part("c", 1), part("d", 1), part("e", 5), part("f", 1)]
    const { endings } = await run(parts, 2)
    assert.lengthOf(endings, parts.length)
    const changes = fs.readFileSync(log, "utf8").trimEnd().split("\n").map(Number)
    let busy = 0
    const all = changes.map((change) => (busy += change))
    assert.isAtMost(Math.max(...all.filter((cores) => cores !== 5)), 2)
    assert.include(all, 5)
  })

  it("fail the run with their output, and no other part starts", async () => {
    const { ended, endings, output } = await run(
      [
        { name: "good", command: "echo fine" },
        { name: "bad", command: "echo what is wrong >&2; exit 3" },
        { name: "killed", command: "kill -9 $$" },
        { name: "never", command: "echo must not run" }
      ],
      1
    )
    assert.deepStrictEqual(endings, ["good: status 0", "bad: status 3"])
    assert.deepStrictEqual(ended.map(hasFailed), [false, true])
    assert.include(output, "what is wrong\n< bad: status 3")
    assert.notInclude(output, "must not run")
    const [killed] = (await run([{ name: "killed", command: "kill -9 $$" }], 1)).ended
    assert.isTrue(hasFailed(killed!))
  })

  it("repeat the lines that name what failed, and those of a part that failed alone", async () => {
    const lines = "printf '\\033[31m FAIL \\033[0m one.test.ts > adds\\nAssertionError: 2 is not 3\\nfine\\n'"
    const { ended } = await run(
      [
        { name: "good", command: lines },
        { name: "bad", command: `${lines}; exit 1` }
      ],
      1
    )
    assert.deepStrictEqual(
      ended.map(({ failures }) => failures),
      [[], ["FAIL  one.test.ts > adds", "AssertionError: 2 is not 3"]]
    )
  })

  it("say for how long they kept a core busy", async () => {
    const busy = "const used = () => process.cpuUsage().user + process.cpuUsage().system; while (used() < 300000);"
    const { ended } = await run([{ name: "busy", command: `${process.execPath} -e "${busy}"` }], 1)
    assert.isAtLeast(ended[0]!.coreSeconds!, 0.2)
  })
})
