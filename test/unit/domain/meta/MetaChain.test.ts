import { assert, describe, it } from "vitest"
import * as MetaChain from "../../../../src/domain/meta/MetaChain.ts"
import { defaultLimits } from "../../../../src/domain/format/Limits.ts"
import type { LibRecord, TapeRecord, Unchained } from "../../../../src/domain/meta/SystemRecord.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { flipped } from "../../../support/copyLib.ts"
import { anchor, epoch, hex, libMeta, libTape, sealed, segment, tapeMeta } from "../../../support/systemRecords.ts"

const libRecords: ReadonlyArray<Unchained<LibRecord>> = [
  libMeta,
  libTape(1),
  epoch(1, 1),
  libTape(2, { role: "events" }),
  { $type: "LiteLib.Dynamic", dynamic: 2 },
  { $type: "LiteLib.Closed", dynamic: 1, anchor: anchor(4) },
  { $type: "LiteLib.Clean", anchor: anchor(5) }
]
const tapeRecords: ReadonlyArray<Unchained<TapeRecord>> = [
  tapeMeta,
  segment(1, 0, 2),
  { $type: "LiteTape.UserMeta", key: "owner", value: { name: "Ada" } },
  segment(2, 2, 3),
  { $type: "LiteTape.UserMeta", key: "owner", removed: true }
]

const lib = MetaChain.write<LibRecord>(null, libRecords)
const tape = MetaChain.write<TapeRecord>(null, tapeRecords)
const readLib = (bytes: Uint8Array) => MetaChain.readLib("litelib.meta.jsonl", bytes)
const readTape = (bytes: Uint8Array) => MetaChain.readTape("order/tape.meta.jsonl", bytes)

const kinds = [
  { name: "lib", bytes: lib.bytes, records: libRecords.length, read: readLib },
  { name: "tape", bytes: tape.bytes, records: tapeRecords.length, read: readTape }
]

const chainErrors = ["MetaCorrupt", "MetaInvalid", "ForkDetected", "UnsupportedFormat"]

/** Returns the tag of a read's error, which must be one of the typed errors; `undefined` if it succeeds. */
const refusalOf = (read: () => unknown): string | undefined => {
  try {
    read()
    return undefined
  } catch (error) {
    const tag = (error as { readonly _tag?: string })._tag
    assert.include(chainErrors, tag, String(error))
    return tag
  }
}

const linesOf = (bytes: Uint8Array): Array<string> => Buffer.from(bytes).toString("utf8").split("\n").slice(0, -1)
const bytesOf = (lines: ReadonlyArray<string>): Uint8Array => Buffer.from(lines.map((line) => `${line}\n`).join(""))
const without = ({ hash: _, previous: __, ...record }: LibRecord | TapeRecord): unknown => record

const otherDigit = (digit: string): string => (digit === "1" ? "2" : "1")

/** Returns a line whose record is changed, canonical, and has the right hash again. */
const edited = (line: string, change: object): string => sealed({ ...(JSON.parse(line) as object), ...change })

describe("a meta chain", () => {
  it("returns the records that were written, each naming the one before it", () => {
    for (const { bytes, read } of kinds) {
      const chain = read(bytes)
      assert.isFalse(chain.torn)
      assert.strictEqual(chain.goodBytes, bytes.length)
      let previous: string | null = null
      for (const [index, line] of linesOf(bytes).entries()) {
        assert.strictEqual(chain.records[index]!.previous, previous)
        assert.strictEqual(line, sealed(chain.records[index]!))
        previous = TaraSON.recordId(line)
      }
      assert.strictEqual(chain.end, previous)
    }
    assert.deepStrictEqual(readLib(lib.bytes).records.map(without), [...libRecords])
    assert.deepStrictEqual(readTape(tape.bytes).records.map(without), [...tapeRecords])
  })

  it("is the same whether it is written whole or record by record", () => {
    const pieces: Array<Uint8Array> = []
    let end: string | null = null
    for (const record of libRecords) {
      const { bytes, end: next }: ReturnType<typeof MetaChain.write> = MetaChain.write<LibRecord>(end, [record])
      pieces.push(bytes)
      end = next
    }
    assert.deepStrictEqual(Buffer.concat(pieces), Buffer.from(lib.bytes))
    assert.strictEqual(end, lib.end)
    assert.deepStrictEqual(readLib(new Uint8Array()), { records: [], end: null, goodBytes: 0, torn: false })
  })

  it("reveals a line that was dropped, doubled, swapped with the next or changed, anywhere", () => {
    for (const { bytes, read } of kinds) {
      const lines = linesOf(bytes)
      for (let at = 0; at < lines.length; at++) {
        const doubled = lines.toSpliced(at, 0, lines[at]!)
        assert.isDefined(refusalOf(() => read(bytesOf(doubled))))
        if (at === lines.length - 1) continue
        // A chain does not reveal that its end is missing.
        assert.isDefined(refusalOf(() => read(bytesOf(lines.toSpliced(at, 1)))))
        const swapped = lines.with(at, lines[at + 1]!).with(at + 1, lines[at]!)
        assert.isDefined(refusalOf(() => read(bytesOf(swapped))))
        const changed = lines.with(at, lines[at]!.replace(/\d(?=\D*$)/, otherDigit))
        assert.isDefined(refusalOf(() => read(bytesOf(changed))))
      }
    }
  })

  it("reports two successors of one record as a fork", () => {
    const [first, ...rest] = linesOf(lib.bytes)
    const two = MetaChain.write<LibRecord>(TaraSON.recordId(first!), [epoch(2, 9)]).bytes
    for (const length of [1, 2, rest.length]) {
      const forked = Buffer.concat([bytesOf([first!, ...rest.slice(0, length)]), two])
      assert.strictEqual(
        refusalOf(() => readLib(forked)),
        "ForkDetected"
      )
    }
    const twoFirsts = Buffer.concat([bytesOf([first!]), MetaChain.write<LibRecord>(null, [libMeta]).bytes])
    assert.strictEqual(
      refusalOf(() => readLib(twoFirsts)),
      "ForkDetected"
    )
  })

  it("refuses a first record that names a record before it", () => {
    const [first] = linesOf(tape.bytes)
    const chained = bytesOf([edited(first!, { previous: TaraSON.recordId("{}") })])
    assert.strictEqual(
      refusalOf(() => readTape(chained)),
      "MetaInvalid"
    )
  })

  it("takes two flipped bytes for damage, never for a later version", () => {
    for (const [bytes, read] of [
      [lib.bytes, readLib],
      [tape.bytes, readTape]
    ] as const) {
      const end = bytes.indexOf(0x0a)
      const sealAt = Buffer.from(bytes).indexOf('"hash"') + 2
      for (let at = 0; at < end; at++) {
        const damaged = Uint8Array.from(bytes)
        damaged[sealAt]! ^= 0x15
        if (at !== sealAt) damaged[at]! ^= 0x15
        assert.notStrictEqual(
          refusalOf(() => read(damaged)),
          "UnsupportedFormat",
          `byte ${at}`
        )
      }
    }
  })

  it("refuses unknown record types and format versions, and those of another meta", () => {
    const [first] = linesOf(lib.bytes)
    for (const change of [{ format: 3 }, { $type: "LiteLib.Later" }]) {
      assert.strictEqual(
        refusalOf(() => readLib(bytesOf([edited(first!, change)]))),
        "UnsupportedFormat"
      )
    }
    assert.strictEqual(
      refusalOf(() => readTape(lib.bytes)),
      "UnsupportedFormat"
    )
    assert.strictEqual(
      refusalOf(() => readLib(tape.bytes)),
      "UnsupportedFormat"
    )
  })

  it("refuses missing and additional fields, and fields of another type", () => {
    const [first] = linesOf(lib.bytes)
    const { created: _, ...missing } = JSON.parse(first!) as Record<string, unknown>
    const changed = [edited(first!, { extra: 1 }), edited(first!, { lib: "mine" }), sealed(missing)]
    for (const line of changed) {
      assert.strictEqual(
        refusalOf(() => readLib(bytesOf([line]))),
        "MetaInvalid"
      )
    }
  })

  it("of a lib that is torn at any byte loses only the torn record", () => {
    const lines = linesOf(lib.bytes)
    for (let length = 0; length <= lib.bytes.length; length++) {
      const cut = lib.bytes.subarray(0, length)
      const whole = linesOf(cut)
      const chain = readLib(cut)
      assert.strictEqual(chain.records.length, whole.length)
      assert.strictEqual(chain.goodBytes, bytesOf(lines.slice(0, whole.length)).length)
      assert.strictEqual(chain.torn, chain.goodBytes < length)
    }
  })

  it("of a tape that is cut anywhere but at the end of a line is corrupt, since it is only ever replaced whole", () => {
    for (let length = 1; length <= tape.bytes.length; length++) {
      const cut = tape.bytes.subarray(0, length)
      const expected = cut.at(-1) === 0x0a ? undefined : "MetaCorrupt"
      assert.strictEqual(
        refusalOf(() => readTape(cut)),
        expected
      )
    }
  })

  it("refuses a record with a wrong or missing hash, except at the end of a lib, where a wrong one counts as torn", () => {
    for (const { name, bytes, read, records } of kinds) {
      const lines = linesOf(bytes)
      for (const at of [0, lines.length - 1]) {
        const record = JSON.parse(lines[at]!) as Record<string, unknown>
        const changed = bytesOf(lines.with(at, TaraSON.encodeSystem({ ...record, hash: hex(7) })))
        if (name === "lib" && at > 0) {
          const chain = read(changed)
          assert.isTrue(chain.torn)
          assert.strictEqual(chain.records.length, records - 1)
          assert.strictEqual(chain.goodBytes, bytesOf(lines.slice(0, at)).length)
        } else {
          const tag = refusalOf(() => read(changed))
          assert.strictEqual(tag, "MetaCorrupt")
        }
        const { hash: _, ...unsealed } = record
        const missing = bytesOf(lines.with(at, TaraSON.encodeSystem(unsealed)))
        const tag = refusalOf(() => read(missing))
        assert.strictEqual(tag, "MetaInvalid")
      }
    }
  })

  it("reveals every flipped bit", () => {
    for (const { name, bytes, read } of kinds) {
      const lastLine = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1
      for (let at = 0; at < bytes.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          let torn = false
          const tag = refusalOf(() => {
            ;({ torn } = read(flipped(bytes, at, bit)))
          })
          // Only the last record of a lib may be dropped.
          const seen = tag !== undefined || (name === "lib" && at >= lastLine && torn)
          assert.isTrue(seen, `${name}: byte ${at}, bit ${bit}`)
        }
      }
    }
  })

  it("reports an error in few words, however long the wrong key or value is", () => {
    for (const records of [[{ ...libMeta, ["k".repeat(5000)]: 1 }], [{ ...libMeta, created: "x".repeat(5000) }]]) {
      const { bytes } = MetaChain.write<LibRecord>(null, records as ReadonlyArray<Unchained<LibRecord>>)
      assert.throws(() => readLib(bytes), /^.{1,600}$/s)
    }
  })

  it("refuses more bytes than the limit before it parses them", () => {
    const limits = { ...defaultLimits, metaBytesMax: tape.bytes.length }
    assert.strictEqual(MetaChain.readTape("tape.meta.jsonl", tape.bytes, limits).records.length, tapeRecords.length)
    const tight = { ...limits, metaBytesMax: tape.bytes.length - 1 }
    assert.strictEqual(
      refusalOf(() => MetaChain.readTape("tape.meta.jsonl", tape.bytes, tight)),
      "MetaInvalid"
    )
  })
})
