/** docs/reader.py, which is written from docs/FORMAT.md alone, finds the same in every lib as the library. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import * as NodeStorage from "litetapes/NodeStorage"
import * as MetaChain from "../../src/domain/meta/MetaChain.ts"
import type { LibRecord, Unchained } from "../../src/domain/meta/SystemRecord.ts"
import { encode, type JsonObject } from "litetapes/TaraSON"
import { assert, beforeAll, describe, it } from "vitest"
import {
  copyFixture,
  describeLib,
  type Expected,
  fixtureFolder,
  fixtureNames,
  readFixture
} from "../support/fixtures.ts"
import { type Ground, states } from "../support/libStates.ts"
import { existingTape, type LibService, openSession, tapeOf, withLib } from "../support/openLib.ts"
import { leftOut, requirePrograms, runReader } from "../support/reader.ts"
import { sealed } from "../support/systemRecords.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()

/** Makes records with all kinds of values, so long that a segment has several frames. */
const records: Ground["records"] = (from, to) =>
  Array.from({ length: to - from }, (_, at): JsonObject => {
    const n = from + at
    return {
      $type: n % 7 === 0 ? "LiteTapes.Almost" : "Reading",
      n,
      "ключ ☃ \u2028": { "\u0007": ["\\", '"', "\n", "€", "😀"], deep: [[[{}]]] },
      numbers: [n / 3, -n, n * 1e20, 1e-7 * n, 0.1],
      text: `${n} `.repeat(n % 500 === 1 ? 200_000 : 200),
      ...(n % 2 === 0 ? { nothing: null, no: false } : {})
    }
  })

const targetBytes = 1_500_000

/** Returns the list that the reader must print. */
const listOf = ({ tapes }: Expected): string =>
  tapes.map(({ name, records, root }) => `${name}\t${records}\t${root}\n`).join("")

const linesOf = (lib: LibService, name: string) =>
  Effect.map(
    Effect.flatMap(existingTape(lib, name), (tape) => Stream.runCollect(tape.records())),
    (found) => found.map((record) => `${encode(record, { ...lib.limits, recordBytesMax: 2 ** 30 })}\n`).join("")
  )

const says = (args: ReadonlyArray<string>, stdout: string): string => {
  const said = runReader(args)
  assert.strictEqual(said.status, 0, said.stderr)
  assert.isTrue(said.stdout === stdout, `${args.join(" ")}: ${said.stdout.slice(0, 500)}`)
  return said.stderr
}

/** Checks that the reader prints the list, the roots and the records of each tape as the library reads them. */
const compare = (lib: LibService) =>
  Effect.gen(function* () {
    const expected = yield* describeLib(lib)
    const list = listOf(expected)
    says([lib.location], list)
    says(["--root", lib.location], list)
    for (const { name } of expected.tapes) says([lib.location, name], yield* linesOf(lib, name))
    const checkpoints = (yield* lib.checkpoints).map(({ consumer, done, isLost, low, version }) =>
      [consumer, version, low, JSON.stringify(done), ...(isLost ? ["lost"] : [])].join("\t")
    )
    says(["--checkpoints", lib.location], checkpoints.map((line) => `${line}\n`).join(""))
  })

/** Checks that the reader exits with 1 and names a file and a byte of it. */
const refuses = (args: ReadonlyArray<string>, file: string, why = ""): void => {
  const { status, stderr } = runReader(args)
  assert.strictEqual(status, 1, `${args.join(" ")}: ${stderr}`)
  assert.match(stderr, new RegExp(`^reader\\.py: \\S*${file.replaceAll(".", "\\.")}: offset \\d+: .*${why}`, "m"))
}

describe.skipIf(leftOut)("docs/reader.py", () => {
  beforeAll(requirePrograms)

  it.each(Object.entries(states))("reads the same as the library: %s", (_, make) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const place = newPlace()
        yield* make({ storage, spare: newPlace, records, count: 1000, targetBytes }, place)
        yield* withLib(storage, place, compare, { mode: "read" })
      })
    )
  )

  it("reads a lib whose writer is open but idle", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const place = newPlace()
        const { lib, close } = yield* openSession(storage, place)
        yield* Effect.flatMap(tapeOf(lib, "alpha"), (tape) => tape.append(records(0, 5)))
        yield* withLib(storage, place, compare, { mode: "read" })
        yield* close
      })
    ))

  it.each(fixtureNames())("finds the expected contents in the fixture %s", (state) => {
    const notes = says(["--root", path.join(fixtureFolder(state), "lib")], listOf(readFixture(state)))
    assert.lengthOf([...notes.matchAll(/left out$/gm)], state === "torn" ? 2 : 0, notes)
  })

  it("exits with 2 for wrong arguments, and names a missing tape or lib", () => {
    for (const args of [[], ["--nonsense", "lib"], ["a", "b", "c"]]) assert.strictEqual(runReader(args).status, 2)
    refuses([path.join(fixtureFolder("clean"), "lib"), "gamma"], "litelib.meta.jsonl", "no tape 'gamma'")
    refuses([newPlace()], "litelib.meta.jsonl", "missing")
  })

  it("names the program that it needs for zstd if that is missing", () => {
    const { status, stderr } = runReader(["--root", path.join(fixtureFolder("zstd"), "lib")], "/nowhere")
    assert.strictEqual(status, 1)
    assert.match(stderr, /\.jsonl\.zst: offset 0: .*`zstd` was not found/)
    assert.strictEqual(runReader(["--root", path.join(fixtureFolder("gzip"), "lib")], "/nowhere").status, 0)
  })
})

/** Makes a changed copy of the lib of a fixture. */
const damaged = (state: string, change: (place: string) => void): string => {
  const place = newPlace()
  copyFixture(state, place)
  change(place)
  return place
}

const edit = (place: string, name: string, change: (bytes: Buffer) => Uint8Array): void => {
  const file = path.join(place, name)
  fs.writeFileSync(file, change(fs.readFileSync(file)))
}

/**
 * Returns the number of bytes of a file in which damage must be refused: all except the last line of lib meta and the
 * last batch of a dynamic segment, which may never have been acknowledged.
 */
const vouched = (place: string, name: string): number => {
  const bytes = fs.readFileSync(path.join(place, name))
  if (name === "litelib.meta.jsonl") return bytes.lastIndexOf(0x0a, bytes.length - 2) + 1
  if (!name.startsWith("litelib.dynamic-")) return bytes.length
  return bytes.indexOf(0x0a, bytes.lastIndexOf("LiteLib.Commit", -500)) + 1
}

const flip = (at: number) => (bytes: Buffer) => {
  bytes[at]! ^= 1
  return bytes
}

const filesOf = (state: string): ReadonlyArray<string> =>
  Object.keys(readFixture(state).files).filter((name) => !name.includes("index/"))

describe.skipIf(leftOut)("docs/reader.py on a damaged lib", () => {
  beforeAll(requirePrograms)

  it.each(["zstd", "cloned", "deduped", "unclean"])("refuses a flipped bit in any file: %s", (state) => {
    for (const name of filesOf(state)) {
      const length = vouched(path.join(fixtureFolder(state), "lib"), name)
      for (const at of [0, 0.3, 0.7, 1].map((part) => Math.floor(part * (length - 1)))) {
        if (length === 0) continue
        refuses(["--root", damaged(state, (place) => edit(place, name, flip(at)))], name)
      }
    }
  })

  it("leaves out a bad last batch, and fails if something shows that it was acknowledged", () => {
    const name = "litelib.dynamic-000003.jsonl"
    const place = damaged("unclean", (copy) =>
      edit(copy, name, (bytes) => flip(bytes.lastIndexOf('"hash"') + 10)(bytes))
    )
    const { status, stdout, stderr } = runReader([place])
    assert.strictEqual(status, 0, stderr)
    assert.match(stderr, /000003\.jsonl: offset \d+: \d+ bytes, never acknowledged, are left out/)
    assert.include(stdout, "gamma\t0\t")
    const before = "litelib.dynamic-000002.jsonl"
    refuses([damaged("unclean", (copy) => edit(copy, before, (bytes) => bytes.subarray(0, -1)))], before, "not empty")
    const upto = damaged("unclean", (copy) => {
      for (const file of [before, name]) edit(copy, file, (bytes) => bytes.subarray(0, bytes.indexOf(0x0a) + 1))
    })
    refuses([upto], "litelib.meta.jsonl", "batch 3 was acknowledged")
  })

  it("refuses a file that is missing, cut off, too long, or of another tape", () => {
    for (const [state, name] of [
      ["zstd", filesOf("zstd").find((file) => file.endsWith(".zst"))!],
      ["clean", "beta/seg-000001.jsonl"]
    ] as const) {
      refuses(["--root", damaged(state, (place) => fs.rmSync(path.join(place, name)))], name, "missing")
      for (const change of [
        (bytes: Buffer) => bytes.subarray(0, -1),
        (bytes: Buffer) => Buffer.concat([bytes, bytes]),
        () => Buffer.alloc(0)
      ]) {
        refuses(["--root", damaged(state, (place) => edit(place, name, change))], name, "bytes, meta says")
      }
    }
    const swapped = damaged("clean", (place) =>
      fs.copyFileSync(path.join(place, "beta/tape.meta.jsonl"), path.join(place, "alpha/tape.meta.jsonl"))
    )
    refuses([swapped], "alpha/tape.meta.jsonl", "tape is")
    const elsewhere = damaged("clean", (place) => {
      fs.rmSync(path.join(place, "alpha"), { recursive: true })
      fs.cpSync(path.join(fixtureFolder("archived"), "lib/alpha"), path.join(place, "alpha"), { recursive: true })
    })
    refuses([elsewhere], "alpha/tape.meta.jsonl", "lib meta says")
    const other = damaged("unclean", (place) => fs.rmSync(path.join(place, "litelib.dynamic-000001.jsonl")))
    refuses([other], "litelib.dynamic-000001.jsonl", "missing")
  })

  it("refuses a lib meta that lost its end", () => {
    const without = (lines: number) =>
      damaged("unclean", (place) =>
        edit(place, "litelib.meta.jsonl", (bytes) =>
          Buffer.from(
            bytes
              .toString()
              .split("\n")
              .slice(0, -1 - lines)
              .join("\n") + "\n"
          )
        )
      )
    for (const lines of [1, 2, 3]) refuses([without(lines)], "litelib.meta.jsonl", "its end is missing")
  })

  it("refuses unknown versions, types and fields even if they are sealed", () => {
    const changed = (change: (line: string) => string) =>
      damaged("clean", (place) =>
        edit(place, "litelib.meta.jsonl", (bytes) => {
          const [first, ...rest] = bytes.toString().split("\n")
          return Buffer.from([change(first!), ...rest].join("\n"))
        })
      )
    for (const [from, to, why] of [
      ['"format":1', '"format":3', "format 3"],
      ["LiteLib.Meta", "LiteLib.Mfta", "does not know"],
      ['"format":1', '"format":1,"fresh":1', "other fields"],
      ['"kind":"category"', '"kind":"chaos"', "other fields"]
    ] as const) {
      const resealed = changed((line) => sealed(JSON.parse(line.replace(from, to)) as object))
      refuses([resealed], "litelib.meta.jsonl", why)
      refuses([changed((line) => line.replace(from, to))], "litelib.meta.jsonl", "(does not match its hash|canonical)")
    }
    const unsealed = changed((line) => line.replace(/"hash":"\w+",/, ""))
    refuses([unsealed], "litelib.meta.jsonl", "other fields")
    const spaced = changed((line) => line.replace('{"$type"', '{ "$type"'))
    refuses([spaced], "litelib.meta.jsonl", "canonical")
  })

  it("refuses an event that is on another tape than its stream belongs on, and an unfinished copy", () => {
    const changed = (state: string, change: (record: Unchained<LibRecord>) => ReadonlyArray<object>) =>
      damaged(state, (place) =>
        edit(place, "litelib.meta.jsonl", (bytes) => {
          const { records } = MetaChain.readLib("litelib.meta.jsonl", bytes)
          const unchained = records.map(({ hash: _, previous: __, ...record }) => record as Unchained<LibRecord>)
          return MetaChain.write<LibRecord>(null, unchained.flatMap(change) as Array<Unchained<LibRecord>>).bytes
        })
      )
    const placedBy = (kind: string) => (record: Unchained<LibRecord>) => [
      record.$type === "LiteLib.Meta" ? { ...record, placement: { kind } } : record
    ]
    refuses(
      [changed("events-shared", placedBy("category")), "events"],
      "events/seg-000001.jsonl",
      "belongs on tape customer"
    )
    refuses(
      [changed("events-shared-unclean", placedBy("single")), "order"],
      "litelib.dynamic-000001.jsonl",
      "on tape events"
    )
    const unfinished = changed("copied", (record) =>
      record.$type === "LiteLib.Meta" ? [record, { $type: "LiteLib.Unfinished", from: record.lib }] : []
    )
    refuses([unfinished], "litelib.meta.jsonl", "unfinished copy")
  })

  it("leaves out a damaged last line of lib meta, and fails if that contradicts other files", () => {
    const flipLast = (bytes: Buffer) => flip(bytes.lastIndexOf('"previous"') + 20)(bytes)
    const clean = damaged("clean", (place) => edit(place, "litelib.meta.jsonl", flipLast))
    const { stderr } = runReader([clean])
    assert.match(stderr, /litelib\.meta\.jsonl: offset \d+: a torn last record is left out/)
    refuses([clean], "litelib.dynamic-\\d{6}.jsonl", "missing")
  })

  it("refuses a flipped bit in a user value at the end of tape meta", () => {
    const place = damaged("user-metadata", () => {})
    const name = filesOf("user-metadata").find((file) => {
      const last = fs.readFileSync(path.join(place, file), "utf8").trimEnd().split("\n").at(-1)!
      return file.endsWith("tape.meta.jsonl") && last.startsWith('{"$type":"LiteTape.UserMeta"')
    })!
    assert.strictEqual(runReader([place]).status, 0)
    edit(place, name, (bytes) => flip(bytes.length - 5)(bytes))
    refuses([place], name)
  })
})
