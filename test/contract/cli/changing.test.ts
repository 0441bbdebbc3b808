/** Commands that change a lib: what they say, that they ask, and what is there afterwards. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as PromiseStore from "litetapes/PromiseStore"
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { json, output, run, type Value } from "../../support/commandLine.ts"
import { fixtureFolder } from "../../support/fixtures.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const place = temporaryFolder()
const folder = place()

beforeAll(() => void mkdirSync(folder))

/** A new lib with two orders on the tape `order` and three records on the tape `readings`. */
const newLib = async (): Promise<string> => {
  const lib = place()
  await using store = await PromiseStore.open(lib)
  await store.append("order-1", [{ type: "OrderPlaced", data: { cents: 1 }, tags: ["web"] }])
  await store.append("order-2", [{ type: "OrderPlaced", data: { cents: 2 } }])
  const readings = await store.tape("readings")
  await readings.append([
    { $type: "Reading", n: 1 },
    { $type: "Reading", n: 1 },
    { $type: "Reading", n: 2 }
  ])
  return lib
}

const positionOf = async (lib: string): Promise<number> => (await json(["ls", lib]))[0].position as number

/** Flips a bit in the middle of a file. */
const damage = (file: string): void => {
  const bytes = readFileSync(file)
  bytes[Math.floor(bytes.length / 2)]! ^= 1
  writeFileSync(file, bytes)
}

const segmentIn = (lib: string, tape: string): string =>
  join(
    lib,
    tape,
    readdirSync(join(lib, tape)).find((name) => /^seg-.*jsonl/.test(name))!
  )

describe("init and append", () => {
  it("make a lib, and events in it", async () => {
    const lib = place()
    assert.deepStrictEqual(await run(["init", lib, "--dry-run"]), {
      code: 0,
      out: `Creates a lib at ${lib}.\n`,
      err: ""
    })
    const [created] = await json(["init", lib, "--placement", "hashed:4"])
    assert.deepStrictEqual(created.placement, { kind: "hashed", tapes: 4 })
    assert.deepInclude(await run(["init", lib]), { code: 2, out: "" })
    assert.deepInclude(await run(["init", place(), "--placement", "hashed"]), { code: 2, out: "" })
    assert.match((await run(["init", place()], { terminal: 80 })).err, /^created lib /)
    assert.deepStrictEqual(await run(["init", place()]), { code: 0, out: "", err: "" })

    const on = ["--lib", lib, "append"]
    const [first] = await json([
      ...on,
      "order-1",
      "Placed",
      '{"cents":5}',
      "--expected",
      "no-stream",
      "--tag",
      "web",
      "--id",
      "a",
      "--metadata",
      '{"by":"x"}',
      "--correlation",
      "c",
      "--causation",
      "d"
    ])
    assert.deepInclude(first, { stream: "order-1", firstRevision: 0, lastRevision: 0 })
    const [again] = await json([...on, "order-1", "Placed", '{"cents":5}', "--tag", "web", "--id", "a"])
    assert.isTrue(again.repeated)
    const [event] = await json(["--lib", lib, "cat", "order-1"])
    assert.deepInclude(event, { type: "Placed", id: "a", tags: ["web"], data: { cents: 5 } })
    assert.deepStrictEqual(event.metadata, { by: "x", correlationId: "c", causationId: "d" })
    assert.deepStrictEqual(await run([...on, "order-1", "Paid", "--dry-run"]), {
      code: 0,
      out: "Appends an event Paid to the stream order-1.\n",
      err: ""
    })
    const conflict = await run([...on, "order-1", "Placed", "--expected", "no-stream"])
    assert.deepInclude(conflict, { code: 1, out: "" })
    assert.match(conflict.err, /^litetapes: stream "order-1" is at revision 0.*\nTry: litetapes cat STREAM/)
    assert.strictEqual(await positionOf(lib), 1)
  })

  it("append lines of standard input as one batch, or in several", async () => {
    const lib = await newLib()
    const on = ["--lib", lib, "append", "order-3"]
    const input = ['{"type":"A","data":1}', "", '{"type":"B","tags":["x"]}', '{"type":"C"}']
    const [all] = await json(on, { input })
    assert.deepInclude(all, { firstRevision: 0, lastRevision: 2 })
    assert.lengthOf(await json([...on, "--batch", "2"], { input }), 2)
    assert.strictEqual(await positionOf(lib), 8)
    const broken = await run(on, { input: ['{"type":"A"}', "{"] })
    assert.deepInclude(broken, { code: 2, out: "" })
    assert.match(broken.err, /line 2 of standard input: .*\. Nothing was appended\./)
    assert.match(
      (await run([...on, "--batch", "1"], { input: ['{"type":"A"}', "{"] })).err,
      /The 1 line before it were appended/
    )
    for (const [args, given] of [
      [[], []],
      [[], ['{"typ":"A"}']],
      [["--batch", "0"], input],
      [["--batch", "2", "--expected", "0"], input],
      [["--id", "a"], input],
      [["--after", "b1"], input],
      [["A", "{"], []],
      [["A", '1,"b":2'], []],
      [["A", '{"n":9007199254740993}'], []],
      [["A", '{"a":1,"a":2}'], []],
      [[], ['{"type":"A","data":9007199254740993}']],
      [["A", "--metadata", "{"], []],
      [["A", "--expected", "1.5"], []]
    ] as const) {
      assert.deepInclude(await run([...on, ...args], { input: given }), { code: 2, out: "" }, args.join(" "))
    }
    assert.strictEqual(await positionOf(lib), 9)
  })

  it("append only if a decision still stands", async () => {
    const lib = await newLib()
    const [{ boundary }] = await json(["--lib", lib, "query", "#web"])
    const append = ["--lib", lib, "append", "order-1", "Paid", "--tag", "web", "--if-no", "#web"]
    assert.deepInclude(await run([...append, "--after", boundary]), { code: 0 })
    const stale = await run([...append, "--after", boundary])
    assert.deepInclude(stale, { code: 1, out: "" })
    assert.match(stale.err, /\nTry: litetapes query again/)
    assert.deepInclude(await run(append), { code: 1, out: "" })
    assert.deepInclude(await run([...append, "--command", "c-1"]), { code: 1 })
  })
})

/** A lib that nothing changes. */
let untouched: Promise<string> | undefined

describe("what changes a lib", () => {
  it("asks in a terminal, does nothing after no, and does it after yes", async () => {
    const lib = await newLib()
    const archive = ["--lib", lib, "archive", "readings"]
    const state = async () => (await json(["--lib", lib, "show", "readings"]))[0].state as string
    const refused = await run(archive, { terminal: 80, input: ["n"] })
    assert.strictEqual(refused.code, 1)
    assert.match(refused.err, /^Makes the tape readings refuse appends\.\nContinue\? \[y\/N\] Nothing was done\.\n$/)
    assert.strictEqual((await run(archive, { terminal: 80 })).code, 1)
    assert.strictEqual(await state(), "active")
    assert.strictEqual((await run(archive, { terminal: 80, input: ["y"] })).code, 0)
    assert.strictEqual(await state(), "archived")
    assert.deepStrictEqual(await json(["--lib", lib, "activate", "readings", "--yes"]), [
      { tape: "readings", state: "active" }
    ])
  })

  it.each([
    ["archive", "readings"],
    ["activate", "readings"],
    ["meta", "set", "readings", "a", "1"],
    ["meta", "unset", "readings", "a"],
    ["repack", "readings", "--compression", "zstd"],
    ["clone", "readings", "again"],
    ["backup", "TARGET"],
    ["copy", "TARGET"],
    ["salvage", "readings"],
    ["accept-loss", "readings"],
    ["recover", "readings"],
    ["reindex"],
    ["recover"]
  ])("needs --yes through pipes, and does nothing with --dry-run: %s %s", async (...args) => {
    const lib = await (untouched ??= newLib())
    const target = place()
    const call = ["--lib", lib, ...args.map((arg) => (arg === "TARGET" ? target : arg))]
    const before = (await json(["--lib", lib, "ls"]))[0]
    const planned = await run([...call, "--dry-run"])
    assert.deepInclude(planned, { code: 0, err: "" })
    const asked = await run(call)
    assert.deepInclude(asked, { code: 2, out: "" })
    assert.match(asked.err, /Nobody can be asked here: run it again with --yes/)
    assert.include(asked.err, planned.out.split("\n")[0]!)
    assert.deepStrictEqual((await json(["--lib", lib, "ls"]))[0], before)
  })

  it("waits for nobody: a lib that is locked is not now", async () => {
    const lib = await newLib()
    await using held = await PromiseStore.open(lib)
    assert.strictEqual(held.mode, "write")
    const ran = await run(["--lib", lib, "archive", "readings", "--yes"])
    assert.deepInclude(ran, { code: 3, out: "" })
    assert.match(ran.err, /is open for writing in this very process.*\nTry: litetapes ls/s)
    assert.strictEqual((await run(["--lib", lib, "ls"])).code, 0)
    assert.strictEqual((await run(["--lib", lib, "verify"])).code, 0)
  })
})

describe("meta, repack, clone and copy", () => {
  it("set and remove values", async () => {
    const lib = await newLib()
    const meta = (...args: ReadonlyArray<string>) => ["--lib", lib, "meta", ...args]
    assert.deepStrictEqual(await run(meta("set", "readings", "owner", "sales", "--yes")), { code: 0, out: "", err: "" })
    await run(meta("set", "readings", "n", '{"a":[1]}', "-y"))
    assert.strictEqual(await output(meta("get", "readings", "owner")), '"sales"\n')
    assert.deepStrictEqual(await json(meta("get", "readings")), [{ owner: "sales", n: { a: [1] } }])
    assert.match(await output(meta("get", "readings")), /^owner +"sales"\nn +\{"a":\[1\]\}\n$/)
    await run(meta("unset", "readings", "owner", "--yes"))
    assert.deepInclude(await run(meta("get", "readings", "owner")), { code: 1, out: "" })
    for (const wrong of [
      ["get", "readings", "a", "b"],
      ["set", "readings"],
      ["set", "readings", "a"],
      ["unset", "readings"],
      ["unset", "readings", "a", "b"],
      ["drop", "readings"]
    ]) {
      assert.deepInclude(await run(meta(...wrong)), { code: 2, out: "" }, wrong.join(" "))
    }
  })

  it("repack, and find the records the same", async () => {
    const lib = await newLib()
    const [before] = await json(["--lib", lib, "ls"])
    const [reports] = await json([
      "--lib",
      lib,
      "repack",
      "--compression",
      "zstd",
      "--dedup",
      "--target",
      "1000000",
      "--yes"
    ])
    assert.deepStrictEqual(
      reports.map(({ tape }: Value) => tape),
      ["order", "readings"]
    )
    assert.match(
      (await run(["--lib", lib, "repack", "order", "--yes", "--force"], { terminal: 80 })).err,
      /^order: 1 segment of .* became 1 segment of /
    )
    assert.match(
      (await run(["--lib", lib, "repack", "order", "--yes"], { terminal: 80 })).err,
      /^order: nothing to do\n$/
    )
    const [after] = await json(["--lib", lib, "ls"])
    assert.deepStrictEqual(
      after.tapes.map(({ root }: Value) => root),
      before.tapes.map(({ root }: Value) => root)
    )
  })

  it("clone into the same lib and into another one", async () => {
    const lib = await newLib()
    const other = await newLib()
    const [clone] = await json(["--lib", lib, "clone", "readings", "readings-2", "--yes"])
    assert.deepInclude(clone, { name: "readings-2", role: "records" })
    assert.strictEqual((await run(["--lib", lib, "clone", "readings", "readings-3", "--to", other, "--yes"])).code, 0)
    assert.strictEqual((await run(["--lib", lib, "diff", "readings", `${other}:readings-3`])).code, 0)
    assert.deepInclude(await run(["--lib", lib, "clone", "readings", "order", "--yes"]), { code: 2, out: "" })
  })

  it("copy with another placement", async () => {
    const lib = await newLib()
    const to = place()
    await run(["--lib", lib, "meta", "set", "order", "owner", "sales", "--yes"])
    const { code, err } = await run(["--lib", lib, "copy", to, "--placement", "single", "--yes"], { terminal: 80 })
    assert.strictEqual(code, 0)
    assert.match(err, /^copied 2 events to \d tapes?\n1 tape had user metadata/)
    const [copied] = await json(["ls", to])
    assert.deepStrictEqual(copied.placement, { kind: "single" })
    const [report] = await json(["--lib", lib, "copy", place(), "--yes"])
    assert.strictEqual(report.events, 2)
  })
})

describe("reindex and bench", () => {
  it("rebuild an index that is gone", async () => {
    const lib = await newLib()
    const index = readdirSync(join(lib, "order/index"))[0]!
    rmSync(join(lib, "order/index", index))
    const [{ damaged, rebuilt }] = await json(["--lib", lib, "reindex", "--yes"])
    assert.deepStrictEqual([damaged, rebuilt.length], [0, 1])
    assert.match((await run(["--lib", lib, "reindex", "--yes"], { terminal: 80 })).err, /rebuilt 0 indexes\n$/)
    damage(segmentIn(lib, "order"))
    assert.strictEqual((await run(["--lib", lib, "reindex", "--yes"])).code, 1)
  })

  it("measure a disk, and leave nothing", async () => {
    const disk = place()
    mkdirSync(disk)
    const [results] = await json(["bench", disk, "--seconds", "0"])
    assert.deepStrictEqual(
      results.map(({ what }: Value) => what),
      ["write and sync 256 bytes", "append, one writer", "append, 64 writers", "replay"]
    )
    assert.match(await output(["bench", disk, "--seconds", "0"]), /^what +done +a second\nwrite and sync/)
    assert.deepStrictEqual(readdirSync(disk), [])
    assert.deepInclude(await run(["bench", join(disk, "nothing")]), { code: 2, out: "" })
  })
})

describe("backup and restore", () => {
  it("back up a lib that is written to, again, and restore any position", async () => {
    const lib = await newLib()
    const [target, whole, part] = [place(), place(), place()]
    await using store = await PromiseStore.open(lib)
    const [first] = await json(["--lib", lib, "backup", target, "--yes"])
    assert.strictEqual(first.place.position, 2)
    await store.append("order-3", [{ type: "Later" }])
    assert.match(
      (await run(["--lib", lib, "backup", target, "--yes"], { terminal: 80 })).err,
      /^backed up to position 3: copied 1 segment /
    )
    assert.match(
      (await run(["restore", target, whole, "--yes"], { terminal: 80 })).err,
      /^restored .* up to position 3\n$/
    )
    const [report] = await json(["restore", target, part, "--upto", "1", "--yes"])
    assert.strictEqual(report.place.position, 1)
    assert.deepStrictEqual([await positionOf(whole), await positionOf(part)], [3, 1])
    assert.match(
      (await run(["restore", target, part, "--upto", "1", "--dry-run"])).out,
      /^Restores the events before position 1 /
    )
    // A backup can be read, and says where to go if somebody writes to it.
    assert.strictEqual((await run(["--lib", target, "verify"])).code, 0)
    const refused = await run(["--lib", target, "append", "order-1", "A"])
    assert.deepInclude(refused, { code: 2, out: "" })
    assert.match(refused.err, /\nTry: litetapes restore BACKUP TO\n$/)
    assert.deepInclude(await run(["--lib", lib, "backup", whole, "--yes"]), { code: 2, out: "" })
  })
})

describe("a damaged lib", () => {
  it("with a flipped bit is found, salvaged, and read once the loss is accepted", async () => {
    const lib = await newLib()
    damage(segmentIn(lib, "order"))
    const verified = await run(["--lib", lib, "verify"])
    assert.strictEqual(verified.code, 1)
    assert.match(verified.out, /^1 damaged place: .*\nfile +byte +error +why\norder\/seg-.* SegmentCorrupt /s)
    const doctor = await run(["doctor", lib])
    assert.strictEqual(doctor.code, 1)
    assert.include(doctor.out, `litetapes salvage order --lib ${lib}`)
    const read = await run(["--lib", lib, "cat", "order"])
    assert.strictEqual(read.code, 1)
    assert.match(read.err, /\nTry: litetapes restore BACKUP TO, or litetapes salvage order --lib \S+\n$/)
    assert.match(
      (await run(["--lib", lib, "salvage", "order", "--yes"])).err,
      /^salvaged order: .*\nReads that pass the loss fail until litetapes accept-loss order --lib \S+\.\n$/
    )
    const [again] = (await run(["doctor", lib, "--json"])).out.split("\n").map((line) => JSON.parse(line || "null"))
    assert.deepStrictEqual(
      again.findings.map(({ command }: Value) => command),
      [`litetapes accept-loss order --lib ${lib}`]
    )
    const passing = await run(["--lib", lib, "cat"])
    assert.strictEqual(passing.code, 1)
    assert.match(passing.err, /\nTry: --allow-gaps, or litetapes accept-loss order --lib \S+\n$/)
    assert.strictEqual((await run(["--lib", lib, "cat", "--allow-gaps"])).code, 0)
    assert.strictEqual((await run(["--lib", lib, "accept-loss", "order", "--yes"])).code, 0)
    assert.strictEqual((await run(["--lib", lib, "cat"])).code, 0)
    assert.match(
      (await run(["--lib", lib, "verify"])).out,
      /^intact: .*\nlost before, and known: 1 range of records\n$/
    )
    assert.strictEqual((await run(["doctor", lib])).code, 0)
    assert.deepInclude(await run(["--lib", lib, "salvage", "order", "--yes"]), { code: 1, out: "" })
  })

  it("that is a backup is not mended: another backup is", async () => {
    const lib = await newLib()
    const backup = place()
    assert.strictEqual((await run(["--lib", lib, "backup", backup, "--yes"])).code, 0)
    damage(segmentIn(backup, "order"))
    const doctor = await run(["doctor", backup])
    assert.strictEqual(doctor.code, 1)
    const restored = await run(["restore", backup, place(), "--yes"])
    assert.deepInclude(restored, { code: 1, out: "" })
    for (const text of [doctor.out, restored.err]) {
      assert.include(text, "another backup, or back the lib up again")
      assert.notInclude(text, "litetapes salvage")
    }
  })

  it("whose tape lost its folder is restored", async () => {
    const lib = await newLib()
    rmSync(join(lib, "order"), { recursive: true })
    const doctor = await run(["doctor", lib, "--json"])
    assert.strictEqual(doctor.code, 1)
    const [finding] = JSON.parse(doctor.out).findings
    assert.deepInclude(finding, { command: null })
    assert.include(finding.advice, "put the folder of the tape back, or run litetapes restore BACKUP TO")
    assert.match((await run(["--lib", lib, "cat", "order"])).err, /\nTry: litetapes restore BACKUP TO\n$/)
  })

  it("is spoken of in words of the command line", async () => {
    const lib = await newLib()
    damage(segmentIn(lib, "order"))
    assert.strictEqual((await run(["--lib", lib, "salvage", "order", "--yes"])).code, 0)
    rmSync(join(lib, "readings/tape.meta.jsonl"))
    for (const call of [
      ["cat", "order"],
      ["cat", "readings"],
      ["copy", place(), "--yes"]
    ]) {
      const { err } = await run(["--lib", lib, ...call])
      assert.notMatch(err, /acceptLoss|allowGaps|[a-z]Tape\b|[Ll]ib\.[a-z]/)
    }
  })

  it("that was salvaged is not copied, and no recovery is advised", async () => {
    const lib = await newLib()
    damage(segmentIn(lib, "order"))
    assert.strictEqual((await run(["--lib", lib, "salvage", "order", "--yes"])).code, 0)
    const { code, err } = await run(["--lib", lib, "copy", place(), "--yes"])
    assert.strictEqual(code, 1)
    assert.match(err, /Restore the lib from a backup, and copy that\..*\nTry: litetapes restore BACKUP TO\n$/)
  })

  it("whose tape lost its meta is listed, and recovered", async () => {
    const lib = await newLib()
    rmSync(join(lib, "readings/tape.meta.jsonl"))
    const listed = await run(["ls", lib])
    assert.strictEqual(listed.code, 1)
    assert.match(listed.out, /\norder +events +active .*\nreadings +records +damaged\n$/)
    assert.match(listed.err, /^litetapes: tape readings: .*\nTry: litetapes doctor\n$/s)
    assert.include((await run(["doctor", lib])).out, `litetapes recover readings --lib ${lib}`)
    assert.match((await run(["--lib", lib, "cat", "readings"])).err, /\nTry: litetapes recover readings --lib \S+\n$/)
    assert.match(
      (await run(["--lib", lib, "recover", "readings", "--yes"])).err,
      /^recovered readings: 3 records, nothing is lost\n$/
    )
    assert.strictEqual((await run(["doctor", lib])).code, 0)
    assert.deepInclude(await run(["--lib", lib, "recover", "readings", "--placement", "single", "--yes"]), { code: 2 })
  })

  it("that lost its meta is recovered", async () => {
    const lib = await newLib()
    rmSync(join(lib, "litelib.meta.jsonl"))
    const opened = await run(["--lib", lib, "cat"])
    assert.deepInclude(opened, { code: 1, out: "" })
    assert.match(opened.err, /\nTry: litetapes doctor \S+\n$/)
    const doctor = await run(["doctor", lib])
    assert.strictEqual(doctor.code, 1)
    assert.include(doctor.out, `litetapes recover --lib ${lib}`)
    assert.match((await run(["--lib", lib, "recover", "--yes"])).err, /^recovered 2 tapes; /m)
    assert.strictEqual((await run(["--lib", lib, "verify"])).code, 0)
    assert.deepInclude(await run(["--lib", lib, "recover", "--yes"]), { code: 1, out: "" })
  })

  it("in a folder of libs does not hide the others", async () => {
    const libs = join(folder, "libs")
    cpSync(join(fixtureFolder("clean"), "lib"), join(libs, "good"), { recursive: true })
    cpSync(join(fixtureFolder("clean"), "lib"), join(libs, "torn"), { recursive: true })
    writeFileSync(join(libs, "torn/litelib.meta.jsonl"), "{}\n")
    const { code, out } = await run(["ls", libs, "--json"])
    assert.strictEqual(code, 1)
    assert.deepStrictEqual(
      JSON.parse(out).map(({ error }: Value) => error === null),
      [true, false]
    )
    appendFileSync(join(libs, "torn/litelib.meta.jsonl"), "")
    assert.strictEqual((await run(["ls", libs])).code, 1)
  })
})
