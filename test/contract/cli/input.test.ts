/** What the command takes: bytes of standard input, times and sizes. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as PromiseStore from "litetapes/PromiseStore"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { json, run, type Value } from "../../support/commandLine.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const place = temporaryFolder()
beforeAll(() => void mkdirSync(place()))

const newLib = async (): Promise<string> => {
  const lib = place()
  await using store = await PromiseStore.open(lib)
  await store.append("order-1", [{ type: "OrderPlaced", data: { cents: 1 } }])
  await store.append("payment-1", [{ type: "Taken", data: { cents: 1 } }])
  return lib
}

/** Flips a bit in the only segment of the tape `order`, and keeps what can be kept. */
const lose = async (lib: string): Promise<void> => {
  const file = join(
    lib,
    "order",
    readdirSync(join(lib, "order")).find((name) => name.startsWith("seg-"))!
  )
  const bytes = readFileSync(file)
  bytes[bytes.indexOf("cents")]! ^= 1
  writeFileSync(file, bytes)
  await run(["--lib", lib, "salvage", "order", "--yes"])
}

const latin = (text: string): Uint8Array => Buffer.from(text, "latin1")

describe("standard input", () => {
  it("that is not UTF-8 is refused with the number of its line, and nothing of it is stored", async () => {
    const lib = await newLib()
    const args = ["--lib", lib, "append", "names-1"]
    const bytes = latin('{"type":"A","data":"fine"}\r\n\n{"type":"A","data":"caf\u00e9"}\n')
    const refused = await run(args, { bytes })
    assert.strictEqual(refused.code, 2)
    assert.match(refused.err, /line 3 of standard input is not UTF-8\. Nothing was appended\./)
    const inBatches = await run([...args, "--batch", "1"], { bytes })
    assert.strictEqual(inBatches.code, 2)
    assert.match(inBatches.err, /line 3 .*were appended/)
    const whole = Buffer.from('{"type":"B","data":"caf\u00e9 \u{1f600}"}\n{"type":"B","data":"end"}')
    assert.strictEqual((await run(args, { bytes: whole })).code, 0)
    assert.deepStrictEqual(
      (await json(["--lib", lib, "cat", "names-1"])).map(({ data }: Value) => data),
      ["fine", "caf\u00e9 \u{1f600}", "end"]
    )
    assert.strictEqual((await run(["check-proof", "-"], { bytes: latin("\u00e9") })).code, 2)
  })
})

describe("--since and --until", () => {
  it.each([
    "1",
    "2026",
    "2026-11",
    "2026-1-2",
    "2026-02-29",
    "2026-02-30",
    "2026-13-01",
    "2026-00-10",
    "2026-11-00",
    "2026-11-30T1:00",
    "2026-11-30T25:00",
    "2026-11-30T12:00+25:00",
    "30.11.2026",
    "11/30/2026",
    "Nov 30 2026",
    "2026-11-30 PST",
    ""
  ])("refuse what is not an ISO time: %s", async (text) => {
    for (const flag of ["--since", "--until"]) {
      const { code, err } = await run(["cat", flag, text])
      assert.strictEqual(code, 2)
      assert.include(err, `${flag} must be a time such as`)
    }
  })

  it("take a date, a time of UTC and one of another zone", async () => {
    const shop = await newLib()
    const [{ time }] = (await json(["--lib", shop, "cat", "-n", "1"])) as [Value]
    const day = time.slice(0, 10)
    const hour = new Date(Date.parse(time) + 2 * 3_600_000).toISOString().slice(0, 23)
    for (const since of [day, time, time.slice(0, 23), time.slice(0, 19).replace("T", " "), `${hour}+02:00`]) {
      assert.lengthOf(await json(["--lib", shop, "cat", "-n", "1", "--since", since]), 1, since)
      if (since !== day && since.length > 19) {
        assert.lengthOf(await json(["--lib", shop, "cat", "order-1", "--until", since]), 0, since)
      }
    }
  })
})

describe("repack", () => {
  it.each(["0", "1", "1023"])("refuses a target that would give each record a segment: %s", async (target) => {
    const { code, err } = await run(["--lib", await newLib(), "repack", "order", "--target", target, "--yes"])
    assert.strictEqual(code, 2)
    assert.match(err, /--target must be 1024 bytes or more/)
  })
})

describe("what is lost", () => {
  it("is not an event that ls and stats count", async () => {
    const lib = await newLib()
    await lose(lib)
    assert.match((await run(["ls", lib])).out, /, position 2\n/)
    assert.match((await run(["--lib", lib, "stats"])).out, /^position +2\n/)
  })
})

describe("mcp", () => {
  const message = (fields: object): string => JSON.stringify({ jsonrpc: "2.0", ...fields })
  const hello = message({
    id: 0,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } }
  })
  const read = message({ id: 1, method: "tools/call", params: { name: "read", arguments: { stream: "order-1" } } })
  const answersOf = async (lib: string, text: Uint8Array): Promise<ReadonlyArray<Value>> => {
    const { code, err, out } = await run(["--lib", lib, "mcp"], { bytes: text })
    assert.deepStrictEqual([code, err], [0, ""])
    return out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
  }

  it("answers a line that is not JSON with an error, and continues", async () => {
    const bad = ["nonsense", "{", '{"a":"\u00e9"}', "\u0000"]
    const answers = await answersOf(await newLib(), latin([hello, ...bad, "", read].join("\n")))
    const errors = answers.filter(({ id }) => id === null)
    assert.deepStrictEqual(
      errors.map(({ error }) => error.code),
      bad.map(() => -32_700)
    )
    assert.lengthOf(answers.find(({ id }) => id === 1).result.structuredContent.events, 1)
  })

  it("says that events are lost where it reads past them", async () => {
    const lib = await newLib()
    const whole = await answersOf(lib, latin(`${hello}\n${read}`))
    assert.notProperty(whole.find(({ id }) => id === 1).result.structuredContent, "lost")
    await lose(lib)
    const answers = await answersOf(lib, latin(`${hello}\n${read}`))
    const { events, lost } = answers.find(({ id }) => id === 1).result.structuredContent
    assert.deepStrictEqual(events, [])
    assert.match(lost, /^Events are lost/)
  })
})
