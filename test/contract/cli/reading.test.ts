/** Commands that show and check what is in a lib, as a person runs them through pipes and in a terminal. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as PromiseStore from "litetapes/PromiseStore"
import { cpSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { json, output, run, type Value } from "../../support/commandLine.ts"
import { fixtureFolder, fixtureNames } from "../../support/fixtures.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const place = temporaryFolder()
const folder = place()
const shop = join(folder, "shop")
const on = (...args: ReadonlyArray<string>): ReadonlyArray<string> => ["--lib", shop, ...args]

const lines = (text: string): Array<string> => text.split("\n").filter((line) => line !== "")

/** A name that would clear the screen, set the title of the window, and turn the direction of writing. */
const hostile = "\u001b[2J\u001b]0;x\u0007\u202e\u009b1m"

beforeAll(async () => {
  mkdirSync(folder)
  await using store = await PromiseStore.open(shop)
  for (let order = 0; order < 3; order++) {
    await store.append(`order-${order}`, [
      { type: "OrderPlaced", data: { cents: order * 100 }, tags: ["web", `customer:${order % 2}`] },
      { type: "OrderPaid", data: { cents: order * 100 }, metadata: { correlationId: `c-${order}` } }
    ])
  }
  await store.append("payment-1", [{ type: "Taken", data: { note: hostile } }])
  await store.append("alone", [{ type: "Said", data: null }])
  const readings = await store.tape("readings")
  await readings.append([
    { $type: "Reading", celsius: 20 },
    { $type: "Reading", celsius: 21 }
  ])
})

describe("ls", () => {
  it("lists tapes with role, state, segments, records, bytes and root", async () => {
    const [lib] = await json(on("ls"))
    assert.strictEqual(lib.position, 8)
    assert.deepStrictEqual(
      lib.tapes.map(({ name, records, role, state }: Value) => [name, role, state, records]),
      [
        ["events", "events", "active", 1],
        ["order", "events", "active", 6],
        ["payment", "events", "active", 1],
        ["readings", "records", "active", 2]
      ]
    )
    assert.match(lib.tapes[1].root, /^[0-9a-f]{64}$/)
    const shown = lines(await output(["ls", shop]))
    assert.match(shown[0]!, /^lib [0-9a-f-]{36}, created .*Z, placement category-or-shared, position 8$/)
    assert.match(shown[1]!, /^tape +role +state +segments +records +bytes +root$/)
    assert.lengthOf(shown, 6)
  })

  it("lists the libs in a folder", async () => {
    const [libs] = await json(["ls", folder])
    assert.deepStrictEqual(
      libs.map(({ location, position, tapes }: Value) => [location, tapes, position]),
      [[shop, 4, 8]]
    )
    assert.match(await output(["ls", folder]), /^lib +tapes +position +id\n.*shop +4 +8 +[0-9a-f-]{36}\n$/)
  })

  it("takes the lib from the environment", async () => {
    assert.strictEqual(await output(["ls"], { env: { LITETAPES_LIB: shop } }), await output(["ls", shop]))
  })

  it.each(fixtureNames())("describes the frozen lib %s, and show, head and cat agree", async (name) => {
    const location = join(fixtureFolder(name), "lib")
    const [lib] = await json(["--lib", location, "ls"])
    assert.match(lib.lib, /^[0-9a-f-]{36}$/)
    for (const tape of lib.tapes.slice(0, 2)) {
      const [shown] = await json(["--lib", location, "show", tape.name])
      assert.strictEqual(shown.records, tape.records)
      const [head] = await json(["--lib", location, "head", tape.name])
      assert.deepStrictEqual(head, { records: tape.records, root: tape.root, tape: tape.tape })
      const printed = lines(await output(["--lib", location, "cat", tape.name, "--json", "--allow-gaps"]))
      assert.lengthOf(printed, tape.records)
    }
  })
})

describe("cat", () => {
  const positions = async (...args: ReadonlyArray<string>): Promise<Array<number>> =>
    (await json(on("cat", ...args))).map(({ position }) => position)

  it("prints a stream, a tape or everything", async () => {
    assert.deepStrictEqual(await positions("order-1"), [2, 3])
    assert.deepStrictEqual(await positions("order"), [0, 1, 2, 3, 4, 5])
    assert.deepStrictEqual(await positions(), [0, 1, 2, 3, 4, 5, 6, 7])
    assert.deepStrictEqual(await json(on("cat", "readings")), [
      { $type: "Reading", celsius: 20 },
      { $type: "Reading", celsius: 21 }
    ])
  })

  it.each([
    [
      ["--from", "2", "--to", "4"],
      [2, 3]
    ],
    [
      ["--reverse", "-n", "2"],
      [7, 6]
    ],
    [
      ["--type", "OrderPaid", "--type", "Taken"],
      [1, 3, 5, 6]
    ],
    [["--tag", "web", "--tag", "customer:1"], [2]],
    [["--category", "payment"], [6]],
    [["--correlation", "c-2"], [5]],
    [["--until", "2000-01-01"], []],
    [["--since", "2000-01-01 10:00", "--limit", "1"], [0]],
    [
      ["order", "--from", "1", "--to", "4", "--reverse"],
      [3, 2, 1]
    ],
    [
      ["order", "--type", "OrderPaid", "-n", "2"],
      [1, 3]
    ],
    [
      ["order", "--tag", "customer:0", "--category", "order"],
      [0, 4]
    ],
    [
      ["order", "--reverse", "--limit", "2"],
      [5, 4]
    ],
    [["order", "--correlation", "c-1", "--since", "2000-01-01"], [3]],
    [["order-2", "--from", "1"], [5]],
    [["order-2", "--reverse", "-n", "1"], [5]]
  ])("keeps to %s", async (args, expected) => assert.deepStrictEqual(await positions(...args), expected))

  it("prints a line for each event, aligned, and cut to the terminal", async () => {
    const [first] = lines(await output(on("cat")))
    assert.match(
      first!,
      /^ {6}0 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}order-0@0 +OrderPlaced +\{"cents":0\} {2}#web #customer:0$/
    )
    for (const terminal of [80, 40]) {
      const shown = lines(await output(on("cat"), { terminal }))
      assert.lengthOf(shown, 8)
      for (const line of shown) assert.isAtMost(stripVTControlCharacters(line).length, terminal)
    }
  })

  it("prints each on several lines, or a line for each place in it", async () => {
    assert.include(await output(on("cat", "order-1", "--pretty")), '\n  "data": {\n    "cents": 100\n  },\n')
    assert.include(await output(on("cat", "order-1", "--flat")), "\n/data/cents: 100\n")
    assert.include(await output(on("cat", "readings", "--flat")), "/celsius: 20\n")
    assert.strictEqual((await run(on("cat", "--flat", "--pretty"))).code, 2)
  })

  it("does not let an event drive the terminal", async () => {
    for (const args of [[], ["--json"], ["--pretty"], ["--flat"]]) {
      const printed = await output(on("cat", "payment-1", ...args))
      // oxlint-disable-next-line no-control-regex
      assert.notMatch(printed, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
      assert.include(printed, String.raw`\u001b[2J`)
    }
    const [event] = await json(on("cat", "payment-1"))
    assert.strictEqual(event.data.note, hostile)
  })

  it("says no if there is neither a tape nor a stream of the name", async () => {
    assert.deepInclude(await run(on("cat", "order-9")), { code: 1, out: "" })
    const { err } = await run(on("cat", "order-9"))
    assert.match(err, /^litetapes: there is neither a tape nor a stream "order-9"; .*\n$/)
    assert.deepInclude(await run(on("cat", "order", "--stream")), { code: 1, out: "" })
    assert.deepInclude(await run(on("cat", "readings", "--type", "Reading")), { code: 2, out: "" })
    assert.deepInclude(await run(on("cat", "--since", "yesterday")), { code: 2, out: "" })
  })

  it("ends quietly, and reads no further, once nobody reads its output", async () => {
    const big = place()
    await using store = await PromiseStore.open(big)
    for (let n = 0; n < 10; n++) {
      await store.append(
        "a-1",
        Array.from({ length: 1000 }, () => ({ type: "A", data: "x".repeat(100) }))
      )
    }
    let writes = 0
    const ran = await run(["--lib", big, "cat"], { onOut: () => (writes += 1) < 1 })
    assert.deepInclude(ran, { code: 0, err: "" })
    assert.strictEqual(writes, 1)
    assert.isAtMost(lines(ran.out).length, 2000)
  })
})

describe("tail", () => {
  it("prints the last events, of a stream, too", async () => {
    const placed = async (...args: ReadonlyArray<string>) =>
      (await json(on("tail", ...args))).map(({ position }) => position)
    assert.deepStrictEqual(await placed("-n", "3"), [5, 6, 7])
    assert.deepStrictEqual(await placed("-n", "1", "order-1"), [3])
    assert.deepStrictEqual(await placed("--after", "5"), [6, 7])
    assert.deepStrictEqual(await placed("--after", "0", "order-1"), [3])
    assert.deepStrictEqual(await placed("--type", "OrderPaid", "-n", "2"), [3, 5])
  })

  /** Follows a lib to which each event that is printed leads to another append, and presses Ctrl-C after the last one. */
  const follow = async (
    args: ReadonlyArray<string>,
    next: ReadonlyArray<(store: PromiseStore.PromiseStore) => Promise<unknown>>
  ) => {
    const live = place()
    await using store = await PromiseStore.open(live)
    await store.append("order-1", [{ type: "First" }])
    const stop = new AbortController()
    const seen: Array<string> = []
    const onOut = (text: string) => {
      seen.push(...lines(text).map((line) => JSON.parse(line).type as string))
      const append = next[seen.length - 1]
      if (append === undefined) stop.abort()
      else void append(store)
    }
    const { code, err } = await run(["--lib", live, "tail", "-f", "--json", ...args], { onOut, signal: stop.signal })
    return [code, err, seen]
  }

  it("follows a lib that another program writes to, until Ctrl-C", async () => {
    const next = [
      (store: PromiseStore.PromiseStore) => store.append("order-2", [{ type: "Second" }]),
      (store: PromiseStore.PromiseStore) => store.append("order-1", [{ type: "Third" }])
    ]
    assert.deepStrictEqual(await follow([], next), [130, "", ["First", "Second", "Third"]])
  })

  it("follows one stream", async () => {
    const next = async (store: PromiseStore.PromiseStore) => {
      await store.append("order-2", [{ type: "Other" }])
      await store.append("order-1", [{ type: "Second" }])
    }
    assert.deepStrictEqual(await follow(["order-1"], [next]), [130, "", ["First", "Second"]])
  })
})

describe("streams, query, stats, show, consumers and sql", () => {
  it("list streams in each order", async () => {
    const names = async (...args: ReadonlyArray<string>) =>
      (await json(on("streams", ...args))).map(({ stream }) => stream)
    assert.deepStrictEqual(await names(), ["alone", "order-0", "order-1", "order-2", "payment-1"])
    assert.deepStrictEqual(await names("--category", "order", "--sort", "events", "-n", "1"), ["order-0"])
    assert.strictEqual((await names("--sort", "time"))[0], "alone")
    assert.match(await output(on("streams")), /^stream +events +revision +last event\nalone +1 +0 +/)
  })

  it("query by items, with a boundary that the next query takes", async () => {
    const [found] = await json(on("query", "OrderPlaced,Other #customer:1", '{"types":["Taken"]}'))
    assert.deepStrictEqual(
      found.events.map(({ position }: Value) => position),
      [2, 6]
    )
    const [later] = await json(on("query", "#web", "--after", found.boundary, "--reverse", "-n", "5"))
    assert.deepStrictEqual(later.events, [])
    const { code, err, out } = await run(on("query", "#web"))
    assert.deepStrictEqual([code, lines(out).length], [0, 3])
    assert.match(err, /^boundary b1\./)
    for (const wrong of [["{"], [" "], ["#web", "--after", "b2"], [""], ["{}"]]) {
      assert.deepInclude(await run(on("query", ...wrong)), { code: 2, out: "" }, wrong.join(" "))
    }
  })

  it("sum up sizes and rates", async () => {
    const [stats] = await json(on("stats", "--streams", "2"))
    assert.strictEqual(stats.position, 8)
    assert.deepStrictEqual(
      stats.tapes.map(({ records }: Value) => records),
      [1, 6, 1, 2]
    )
    for (const { bytes, zstdBytes } of stats.tapes) assert.isAtMost(zstdBytes, bytes)
    assert.lengthOf(stats.streams, 2)
    assert.match(await output(on("stats", "--streams", "2")), /repack with zstd +about .*\n\ntape +records/s)
  })

  it("show a tape", async () => {
    assert.match(await output(on("show", "order")), /^name +order\nid +[0-9a-f-]{36}\n.*\n\nsegment +first +records/s)
    assert.deepInclude(await run(on("show", "nothing")), { code: 2, out: "" })
  })

  it("have no consumers to list in a lib without checkpoints", async () => {
    assert.deepStrictEqual(await json(on("consumers")), [[]])
    assert.deepInclude(await run(on("consumers")), { code: 0, out: "" })
  })

  it("list consumers with their lag", async () => {
    const location = join(fixtureFolder("checkpoints"), "lib")
    const [consumers] = await json(["--lib", location, "consumers"])
    assert.isNotEmpty(consumers)
    for (const one of consumers) assert.containsAllKeys(one, ["consumer", "version", "low", "lag", "isLost"])
    assert.match(await output(["--lib", location, "consumers"]), /^consumer +version +position +lag +state\n/)
  })

  it("print a view of the segments", async () => {
    const [{ files, missing }] = await json(on("sql"))
    assert.strictEqual(missing, 0)
    assert.lengthOf(files, 3)
    assert.match(
      await output(on("sql", "order")),
      /^-- 0 events .*\nCREATE OR REPLACE VIEW events AS .*\n {2}'.*order\/seg-.*'\n\], format/
    )
    assert.deepInclude(await run(on("sql", "readings")), { code: 2, out: "" })
  })
})

describe("verify, head, prove, check-proof and diff", () => {
  it("find an intact lib intact", async () => {
    assert.match(await output(on("verify")), /^intact: 4 tapes, \d+ segments, \d+ records, .* checked\n$/)
    const [reports] = await json(on("verify", "order", "payment", "--depth", "files"))
    assert.deepStrictEqual(
      reports.map(({ ok, tape }: Value) => [tape, ok]),
      [
        ["order", true],
        ["payment", true]
      ]
    )
    assert.match(await output(["doctor", shop]), /^Nothing is wrong\./)
  })

  it("prove a record and growth, and check both without the lib", async () => {
    const grown = place()
    cpSync(shop, grown, { recursive: true })
    const early = (await output(["--lib", grown, "head", "order"])).trim()
    await output(["--lib", grown, "append", "order-9", "Later"])
    const late = (await output(["--lib", grown, "head", "order"])).trim()
    const record = await output(["--lib", grown, "prove", "order", "3"])
    const growth = await output(["--lib", grown, "prove", "order", "--since", early])
    const check = (proof: string, ...args: ReadonlyArray<string>) =>
      run(["check-proof", "-", ...args], { input: [proof] })
    assert.deepStrictEqual(await check(record, "--head", late), { code: 0, out: "valid\n", err: "" })
    assert.deepStrictEqual(await check(growth, "--head", late, "--since", early), { code: 0, out: "valid\n", err: "" })
    assert.include((await check(record)).out, `valid, for the head ${late}`)
    assert.deepStrictEqual(await check(record, "--head", early), { code: 1, out: "not valid\n", err: "" })
    assert.deepStrictEqual(await check(growth, "--since", late), { code: 1, out: "not valid\n", err: "" })
    assert.deepInclude(await check(record.replace('"ordinal":3', '"ordinal":2')), { code: 1, out: "not valid\n" })
    assert.deepInclude(await check(record, "--since", early), { code: 2, out: "" })
    assert.deepInclude(await check("{}"), { code: 2, out: "" })
    assert.deepInclude(await run(["check-proof", join(folder, "nothing")]), { code: 2, out: "" })
    assert.deepInclude(await run(["--lib", grown, "head", "order", "--expect", early]), { code: 0 })
    assert.deepInclude(await run(on("head", "order", "--expect", late)), { code: 1, out: "" })
    assert.deepInclude(await run(on("head", "--expect", late)), { code: 2, out: "" })
    assert.deepInclude(await run(on("head", "order", "--expect", "{}")), { code: 2, out: "" })
    assert.deepInclude(await run(on("prove", "order")), { code: 2, out: "" })
    assert.deepInclude(await run(on("prove", "order", "99")), { code: 1, out: "" })

    const differing = await run(on("diff", "order", `${grown}:order`))
    assert.strictEqual(differing.code, 1)
    assert.match(differing.out, /^they differ from record 6 on\norder: ends there\n/)
    assert.deepStrictEqual(await run(on("diff", "payment", `${grown}:payment`)), { code: 0, out: "", err: "" })
    assert.deepStrictEqual(await json(on("diff", "payment", `${grown}:payment`)), [{ equal: true }])
  })
})

describe("mcp", () => {
  /** Calls tools, each by its name and its arguments. Returns the answers in the order of the calls. */
  const call = async (...calls: ReadonlyArray<readonly [string, object]>): Promise<ReadonlyArray<Value>> => {
    const message = (fields: object): string => JSON.stringify({ jsonrpc: "2.0", ...fields })
    const clientInfo = { name: "test", version: "1" }
    const input = [
      message({
        id: 0,
        method: "initialize",
        params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo }
      }),
      message({ method: "notifications/initialized" }),
      ...calls.map(([name, given], at) =>
        message({ id: at + 1, method: "tools/call", params: { name, arguments: given } })
      ),
      message({ id: calls.length + 1, method: "tools/list" })
    ]
    const answers = lines(await output(on("mcp"), { input })).map((line) => JSON.parse(line) as Value)
    return Array.from({ length: calls.length + 2 }, (_, id) => answers.find((answer) => answer.id === id).result)
  }

  it("answers with tapes, streams, events, lag and the state of files, and has no tool that changes anything", async () => {
    const [hello, tapes, streams, last, found, verified, lag, wrong, listed] = await call(
      ["tapes", {}],
      ["streams", { categories: ["order"], limit: 2 }],
      ["read", { backward: true, from: 6, limit: 2 }],
      ["query", { items: [{ tags: ["customer:1"] }] }],
      ["verify", { depth: "files" }],
      ["lag", {}],
      ["query", { items: [{}] }]
    )
    assert.strictEqual(hello.serverInfo.name, "litetapes")
    assert.deepInclude(tapes.structuredContent, { position: 8 })
    assert.deepStrictEqual(
      [streams.structuredContent.total, streams.structuredContent.streams.map(({ stream }: Value) => stream)],
      [3, ["order-0", "order-1"]]
    )
    const positions = ({ structuredContent: { events } }: Value): Array<number> =>
      events.map(({ position }: Value) => position)
    assert.deepStrictEqual([positions(last), positions(found)], [[6, 5], [2]])
    assert.isTrue(verified.structuredContent.ok)
    assert.deepStrictEqual(lag.structuredContent, { position: 8, consumers: [] })
    assert.isTrue(wrong.isError)
    assert.include(wrong.content[0].text, "must have types or tags")
    assert.lengthOf(listed.tools, 6)
    for (const { annotations } of listed.tools) assert.isTrue(annotations.readOnlyHint)
  })
})
