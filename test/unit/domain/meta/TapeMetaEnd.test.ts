import { assert, describe, it } from "@effect/vitest"
import { MetaCorrupt, MetaInvalid } from "litetapes/Errors"
import * as MetaChain from "../../../../src/domain/meta/MetaChain.ts"
import type { TapeEnd, TapeRecord, Unchained } from "../../../../src/domain/meta/SystemRecord.ts"
import { segment, tapeMeta } from "../../../support/systemRecords.ts"

const meta = "tape.meta.jsonl"
const records: ReadonlyArray<Unchained<TapeRecord>> = [tapeMeta, segment(1, 0, 2), segment(2, 2, 3)]
const whole = MetaChain.writeTape(records)

const linesOf = (bytes: Uint8Array): Array<string> =>
  Buffer.from(bytes)
    .toString()
    .split(/(?<=\n)/)

const failure = (text: string): unknown => {
  try {
    MetaChain.readTape(meta, Buffer.from(text))
  } catch (error) {
    return error
  }
  return undefined
}

describe("the end of a tape's meta", () => {
  it("is marked by a last line that is not one of its records", () => {
    const lines = linesOf(whole.bytes)
    assert.lengthOf(lines, 4)
    assert.match(lines[3]!, /^\{"\$type":"LiteTape.End",/)
    const chain = MetaChain.readTape(meta, whole.bytes)
    assert.deepStrictEqual(
      chain.records.map(({ $type }) => $type),
      ["LiteTape.Meta", "LiteTape.Segment", "LiteTape.Segment"]
    )
    assert.deepInclude(chain, { end: whole.end, goodBytes: whole.bytes.length - lines[3]!.length, torn: false })
  })

  it("is missed if the meta is cut anywhere, even at the end of a line", () => {
    for (let length = 1; length < whole.bytes.length; length++) {
      const error = failure(Buffer.from(whole.bytes.subarray(0, length)).toString("latin1"))
      assert.instanceOf(error, MetaCorrupt, `${length} bytes`)
      assert.isAtMost(error.offset, length)
    }
  })

  it("may be only in the last line, once", () => {
    const [first, second, third, end] = linesOf(whole.bytes) as [string, string, string, string]
    for (const text of [
      [first, second, end],
      [first, second, end, third],
      [first, second, third, end, end],
      [first, second, third, end, "\n"]
    ]) {
      assert.isDefined(failure(text.join("")), text.join(""))
    }
    const alone = MetaChain.write<TapeEnd>(null, [{ $type: "LiteTape.End" }])
    assert.instanceOf(failure(Buffer.from(alone.bytes).toString()), MetaInvalid)
  })

  it("moves after a record that is added", () => {
    const added = segment(3, 5, 1)
    const longer = MetaChain.extendTape(whole.bytes, whole.end, added)
    assert.deepStrictEqual(longer, MetaChain.writeTape([...records, added]))
  })

  it("may be unmarked in an early version, and is marked at the next write", () => {
    const early = MetaChain.write<TapeRecord>(null, records)
    const chain = MetaChain.readTape(meta, early.bytes)
    assert.deepInclude(chain, { end: early.end, goodBytes: early.bytes.length })
    assert.lengthOf(chain.records, 3)
    assert.isUndefined(MetaChain.extendTape(early.bytes, early.end, segment(3, 5, 1)))
    const end = MetaChain.write<TapeEnd>(early.end, [{ $type: "LiteTape.End" }])
    assert.instanceOf(failure(Buffer.concat([early.bytes, end.bytes]).toString()), MetaInvalid)
  })
})
