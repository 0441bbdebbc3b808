import * as fc from "fast-check"
import { createHash } from "node:crypto"
import { crc32 } from "node:zlib"
import { assert, describe, it } from "vitest"
import { BatchBuilder, markHash, markPrefix, markText } from "../../../../src/domain/journal/Batch.ts"
import type { Commit } from "../../../../src/domain/meta/SystemRecord.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { runs } from "../../../support/runs.ts"
import { batches, build } from "../../../support/batches.ts"
import { hex, uuid } from "../../../support/systemRecords.ts"

const mark: Omit<Commit, "$type" | "hash"> = {
  batch: 17,
  parts: [
    [uuid(1), 0, 3],
    [uuid(2), 40, 1]
  ],
  position: 123,
  previous: hex(5)
}

describe("a batch", () => {
  it("contains the lines of each tape together, in the order of the calls, and a mark that proves them", () => {
    fc.assert(
      fc.property(batches(4), (given) => {
        const built = build(given)
        let previous = "0".repeat(64)
        for (const [index, sealed] of built.batches.entries()) {
          const calls = given[index]!
          const tapes = [...new Set(calls.map(({ tape }) => tape))]
          const lines = tapes.map((tape) =>
            calls.filter((call) => call.tape === tape).map(({ record }) => `${TaraSON.encode(record)}\n`)
          )
          const expected = Buffer.from(lines.flat().join(""))
          const bytes = Buffer.from(sealed.bytes)
          assert.strictEqual(sealed.linesBytes, expected.length)
          assert.deepStrictEqual(bytes.subarray(0, expected.length), expected)

          const line = bytes.subarray(expected.length, bytes.length - 1)
          assert.strictEqual(bytes.at(-1), 0x0a)
          const found = TaraSON.parseCanonical(line) as unknown as Commit
          const { hash, ...unsealed } = found
          const content = Buffer.concat([expected, Buffer.from(TaraSON.encodeSystem(unsealed))])
          assert.strictEqual(hash, createHash("sha256").update(content).digest("hex"))
          assert.strictEqual(hash, sealed.hash)
          assert.deepInclude(found, { batch: index + 1, position: sealed.position, previous })
          previous = hash

          let offset = 0
          for (const [at, part] of sealed.parts.entries()) {
            const text = Buffer.from(lines[at]!.join(""))
            const { tape, count, bytes: length, crc } = part
            assert.deepStrictEqual([tape, count, length], [uuid(tapes[at]!), lines[at]!.length, text.length])
            assert.strictEqual(part.offset, offset)
            assert.strictEqual(crc, crc32(text))
            offset += length
          }
        }
      }),
      { numRuns: runs }
    )
  })

  it("has a mark in the canonical form of its system record", () => {
    assert.strictEqual(markText(mark, hex(9)), TaraSON.encodeSystem({ $type: "LiteLib.Commit", hash: hex(9), ...mark }))
    assert.strictEqual(markText(mark, undefined), TaraSON.encodeSystem({ $type: "LiteLib.Commit", ...mark }))
    assert.isTrue(markText(mark, hex(9)).startsWith(markPrefix))
    const noted = { ...mark, parts: [], checkpoints: [["mail_2-b", 3, 7, [[9, 12]]]] as Commit["checkpoints"] & {} }
    assert.strictEqual(
      markText(noted, hex(9)),
      TaraSON.encodeSystem({ $type: "LiteLib.Commit", hash: hex(9), ...noted })
    )
  })

  it("has another hash if its lines or any other field differ", () => {
    const lines = Buffer.from("{}\n")
    const hashes = [
      markHash(lines, mark),
      markHash(Buffer.from("{ }\n"), mark),
      markHash(lines, { ...mark, batch: 18 }),
      markHash(lines, { ...mark, position: 124 }),
      markHash(lines, { ...mark, previous: hex(6) }),
      markHash(lines, { ...mark, parts: [[uuid(1), 0, 4]] }),
      markHash(lines, { ...mark, checkpoints: [["mail", 1, 2, []]] }),
      markHash(lines, { ...mark, checkpoints: [["mail", 1, 3, []]] })
    ]
    assert.strictEqual(new Set(hashes).size, hashes.length)
  })

  it("keeps lines unchanged that are already encoded", () => {
    const one = new BatchBuilder()
    const two = new BatchBuilder()
    for (const text of ['{"a":1}', '{"b":2}']) one.part(uuid(1), 5).add(text)
    two.part(uuid(1), 5).addLines(Buffer.from('{"a":1}\n{"b":2}\n'), 2)
    assert.deepStrictEqual(one.finish(1, 0, hex(0)), two.finish(1, 0, hex(0)))
  })

  it("may be built in the buffer that the previous batch has grown", () => {
    const first = new BatchBuilder(Buffer.alloc(8))
    first.part(uuid(1), 0).add(JSON.stringify({ text: "x".repeat(5000) }))
    const sealed = first.finish(1, 0, hex(0))
    const again = new BatchBuilder(Buffer.from(sealed.bytes.buffer as ArrayBuffer))
    again.part(uuid(1), 1).add("{}")
    const fresh = new BatchBuilder()
    fresh.part(uuid(1), 1).add("{}")
    assert.deepStrictEqual(
      Buffer.from(again.finish(2, 0, sealed.hash).bytes),
      Buffer.from(fresh.finish(2, 0, sealed.hash).bytes)
    )
  })

  it("is never built empty", () => {
    const builder = new BatchBuilder()
    assert.isTrue(builder.isEmpty)
    assert.throws(() => builder.finish(1, 0, hex(0)), /invariant/)
  })
})
