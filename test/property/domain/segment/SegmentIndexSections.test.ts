import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { checksumPage } from "../../../../src/domain/segment/indexLayout.ts"
import { pageBytes } from "../../../../src/domain/segment/indexSections.ts"
import * as Index from "../../../../src/domain/segment/SegmentIndex.ts"
import { forgeAt, forgeRow } from "../../../support/forgeIndex.ts"
import { events } from "../../../support/indexArbitraries.ts"
import { answers, indexOf, manyEvents, type Segment, small } from "../../../support/indexModel.ts"
import { runs } from "../../../support/runs.ts"

const table = { at: 80, row: 16, known: 7 }

/** The index as a later release may write it: with another section, as the `nth` of its table. It must have one page. */
const withSection = (index: Uint8Array, nth: number, content: Uint8Array): Uint8Array => {
  const known = Buffer.from(index)
  const rowsEnd = index.length - 4
  const headerEnd = table.at + table.row * table.known
  const rows = Array.from({ length: table.known }, (_, i) =>
    Buffer.from(known.subarray(table.at + table.row * i, table.at + table.row * (i + 1)))
  )
  for (const row of rows) row.writeUInt16LE(row.readUInt16LE(8) + table.row, 8)
  const added = Buffer.alloc(table.row)
  added.writeUInt32LE(77, 0)
  added.writeUInt16LE(rowsEnd + table.row, 8)
  added.writeUInt16LE(1, 10)
  added.writeUInt32LE(content.length, 12)
  rows.splice(nth, 0, added)
  const later = Buffer.concat([
    known.subarray(0, table.at),
    ...rows,
    known.subarray(headerEnd, rowsEnd),
    content,
    Buffer.alloc(4)
  ])
  assert.isAtMost(later.length, pageBytes)
  later.writeUInt32LE(later.length, 72)
  later.writeUInt32LE(table.known + 1, 76)
  checksumPage(later.toString("hex", 16, 48), 0, later)
  return later
}

const said = (index: Uint8Array, segment: Segment) => {
  const hashes = segment.lines.flatMap(({ event }) => (event === undefined ? [] : [segment.hashStream(event.stream)]))
  const ids = segment.lines.flatMap(({ event }) => (event === undefined ? [] : [event.idHash]))
  const { header, ...rest } = answers(index, segment.sha256, hashes, ids)
  return { ...rest, records: header.records, kind: header.kind }
}

describe("an index with a section of an unknown kind", () => {
  it("answers every look-up as without it", () => {
    const content = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(events, fc.nat({ max: table.known }), content, (segment, nth, bytes) => {
        const index = indexOf(segment)
        fc.pre(index.length < 3500)
        const later = withSection(index, nth, bytes)
        assert.deepStrictEqual(said(later, segment), said(index, segment))
        assert.isTrue(Index.sameIndex(segment.sha256, later, index))
        assert.strictEqual(Index.hashOfSegment(later), segment.sha256)
      }),
      { numRuns: runs }
    )
  })

  it("is not the index of its segment if a bit is flipped, or if a row or its header says something else", () => {
    const index = indexOf(small)
    const later = withSection(index, 2, Buffer.from("a section that comes later"))
    assert.isTrue(Index.sameIndex(small.sha256, later, index))
    for (let bit = 0; bit < 8 * later.length; bit++) {
      later[bit >>> 3]! ^= 1 << (bit & 7)
      assert.isFalse(Index.sameIndex(small.sha256, later, index), `bit ${bit}`)
      later[bit >>> 3]! ^= 1 << (bit & 7)
    }
    const sections = ["blocks", "streams", "entries", "ids"] as const
    for (const section of sections) {
      const forged = Uint8Array.from(later)
      forgeRow(forged, section, 0, (bytes) => (bytes[3]! ^= 1))
      assert.isFalse(Index.sameIndex(small.sha256, forged, index), section)
    }
    const other = Uint8Array.from(later)
    forgeAt(other, 56, (bytes) => bytes.writeDoubleLE(12))
    assert.isFalse(Index.sameIndex(small.sha256, other, index))
  })
})

describe("the size of an index", () => {
  it("is 192 bytes, 24 for each event and for each stream, and less than a page more", () => {
    for (const [events, streams] of [
      [1, 1],
      [10, 2],
      [100, 100],
      [1000, 10],
      [5000, 5000]
    ] as const) {
      const segment = manyEvents(events, streams)
      const { length } = indexOf(segment)
      const least = 192 + 24 * (events + streams + Math.ceil(segment.raw.length / Index.blockBytesMax))
      assert.isAtLeast(length, least)
      assert.isAtMost(length, least * 1.02 + 64)
    }
  })
})
