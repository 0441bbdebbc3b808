import { hash } from "node:crypto"
import { crc32 } from "node:zlib"
import { assert, describe, it } from "vitest"
import { hash53 } from "../../../../src/domain/base/Hash53.ts"
import { BadLine } from "../../../../src/domain/json/BadLine.ts"
import * as Index from "../../../../src/domain/segment/SegmentIndex.ts"
import type { HashStream } from "../../../support/indexModel.ts"
import {
  answers,
  entriesOf,
  indexOf,
  manyEvents,
  pageOf,
  segmentOf,
  small,
  someSha256
} from "../../../support/indexModel.ts"
import { runLookup } from "../../../support/runLookup.ts"

/** The blocks of a segment whose lines are so long, newlines included. */
const blocksOf = (lengths: ReadonlyArray<number>) => {
  const segment = segmentOf(
    "records",
    lengths.map((length) => ({ bytes: Buffer.alloc(length - 1, 0x61) }))
  )
  const index = indexOf(segment)
  return runLookup(index, Index.readBlocks(Index.decodeHeader(pageOf(index, 0), segment.sha256)))
}

/** How many times each stream's look-up asks for pages, with 20,000 streams. */
const probesOf = (hashStream: HashStream) => {
  const segment = manyEvents(20_000, 20_000, hashStream)
  const index = indexOf(segment)
  const header = Index.decodeHeader(pageOf(index, 0), segment.sha256)
  return Array.from({ length: 20_000 }, (_, i) => {
    let steps = 0
    const rows = runLookup(index, Index.findStream(header, hashStream(`order-${i}`)), () => steps++)
    assert.strictEqual(rows.length, 1)
    return steps
  })
}

describe("an index", () => {
  it.each(["records", "events"] as const)("of a segment without %s says so on one page", (kind) => {
    const segment = segmentOf(kind, [])
    const index = indexOf(segment)
    assert.strictEqual(index.length, Index.pageBytes)
    const { header, blocks, streams, ids } = answers(index, segment.sha256, [1], [1])
    assert.deepInclude(header, { kind, records: 0, rawBytes: 0, firstPosition: -1, lastPosition: -1, pages: 1 })
    assert.strictEqual(blocks.count, 0)
    assert.deepStrictEqual([streams, ids], [[[]], [[]]])
    const table = runLookup(index, Index.readBlocks(header))
    assert.deepStrictEqual([table.blockOfRecord(0), table.blockOfPosition(0)], [-1, -1])
  })

  it("gives a record of 1 MiB a block of its own", () => {
    const lines = [100, 2 ** 20, 100].map((bytes) => ({ bytes: Buffer.alloc(bytes, 0x61) }))
    const segment = segmentOf("records", lines)
    const index = indexOf(segment)
    const header = Index.decodeHeader(pageOf(index, 0), segment.sha256)
    const blocks = runLookup(index, Index.readBlocks(header))
    assert.deepStrictEqual([...blocks.firstRecord], [0, 1, 2])
    assert.deepStrictEqual([...blocks.bytes], [101, 2 ** 20 + 1, 101])
    assert.deepStrictEqual([...blocks.offset], [0, 101, 2 ** 20 + 102])
  })

  it("fills a block to its last byte, and not beyond", () => {
    const half = Index.blockBytesMax / 2
    assert.deepStrictEqual([...blocksOf([half, half, half]).firstRecord], [0, 2])
    assert.deepStrictEqual([...blocksOf([half, half + 1, half]).firstRecord], [0, 1, 2])
  })

  it("gives streams that share a hash a row each, also across pages", () => {
    const segment = manyEvents(3000, 1000, (stream) => Number(stream.slice(6)) % 2)
    const index = indexOf(segment)
    const header = Index.decodeHeader(pageOf(index, 0), segment.sha256)
    for (const hash of [0, 1]) {
      const rows = runLookup(index, Index.findStream(header, hash))
      assert.strictEqual(rows.length, 500)
      assert.strictEqual(new Set(rows.map(({ firstEntry }) => firstEntry)).size, 500)
      assert.isTrue(rows.every(({ count, firstRevision }) => count === 3 && firstRevision === 0))
    }
    assert.deepStrictEqual(runLookup(index, Index.findStream(header, 2)), [])
  })

  it("finds a stream in a page or two where hashes are spread, and in few where they are not", () => {
    const spread = probesOf(hash53)
    assert.isBelow(spread.reduce((sum, steps) => sum + steps, 0) / spread.length, 2)
    assert.isAtMost(
      Math.max(...probesOf((stream) => 2 ** Math.floor(Number(stream.slice(6)) / 400) + Number(stream.slice(6)))),
      12
    )
  })

  it("of thousands of events and more than a hundred blocks knows each of them", () => {
    const lines = manyEvents(9000, 700).lines.map(({ event }, i) => ({
      bytes: Buffer.alloc(i % 9 === 0 ? 9000 : 90, 0x61 + (i % 26)),
      event: event!
    }))
    const segment = segmentOf("events", lines)
    const index = indexOf(segment)
    const header = Index.decodeHeader(pageOf(index, 0), segment.sha256)
    entriesOf(segment).forEach((entry, i) => {
      const [found, ...others] = runLookup(index, Index.findId(header, lines[i]!.event.idHash))
      assert.deepStrictEqual(runLookup(index, Index.readEntries(header, found!, 1)), [entry])
      assert.deepStrictEqual(others, [])
    })
    const blocks = runLookup(index, Index.readBlocks(header))
    assert.isAbove(blocks.count, 100)
    for (let block = 0; block < blocks.count; block++) {
      const start = blocks.offset[block]!
      assert.strictEqual(blocks.crc[block], crc32(segment.raw.subarray(start, start + blocks.bytes[block]!)))
      assert.strictEqual(blocks.firstPosition[block], lines[blocks.firstRecord[block]!]!.event.position)
      assert.strictEqual(blocks.blockOfPosition(blocks.firstPosition[block]!), block)
    }
  })

  it("starts a stream at the revision that the segment starts it with", () => {
    const builder = new Index.SegmentIndexBuilder("events")
    const line = Buffer.from("{}")
    builder.add(line, 0, 2, { stream: "order-1", revision: 41, position: 1000, idHash: 5 })
    builder.add(line, 0, 2, { stream: "order-1", revision: 42, position: 2 ** 45, idHash: 5 })
    const index = builder.finish(someSha256)
    const header = Index.decodeHeader(pageOf(index, 0), someSha256)
    assert.deepInclude(header, { firstPosition: 1000, lastPosition: 2 ** 45 })
    const rows = runLookup(index, Index.findStream(header, hash53("order-1")))
    assert.deepStrictEqual(rows, [{ firstEntry: 0, count: 2, firstRevision: 41 }])
    assert.deepStrictEqual(runLookup(index, Index.findId(header, 5)), [0, 1])
  })

  it("has these bytes, which a change of must not keep the version", () => {
    assert.strictEqual(
      hash("sha256", indexOf(small), "hex"),
      "44c0fa6a80d78279e26e4f8fbb7c066c536b9e4a566fe3860331ed9c7a2dab3b"
    )
  })
})

const line = Buffer.from("{}")
const event = { stream: "order-1", revision: 0, position: 0, idHash: 0 }
const begun = () => {
  const builder = new Index.SegmentIndexBuilder("events")
  builder.add(line, 0, 2, event)
  return builder
}

describe("a builder refuses, since lines may be anybody's,", () => {
  it.each([
    ["a gap in the revisions", { revision: 2, position: 1 }],
    ["a repeated revision", { revision: 0, position: 1 }],
    ["a repeated position", { revision: 1, position: 0 }],
    ["a position that goes back", { revision: 1, position: -1 }],
    ["a position that is no integer", { revision: 1, position: 1.5 }],
    ["a revision before the first", { stream: "order-2", revision: -1, position: 1 }]
  ])("%s", (_, change) => {
    assert.throws(() => begun().add(line, 0, 2, { ...event, ...change }), BadLine)
  })
})

describe("a builder dies", () => {
  it.each([
    ["a hash that is out of range", { revision: 1, position: 1, idHash: 2 ** 53 }],
    ["a negative hash", { revision: 1, position: 1, idHash: -1 }]
  ])("of %s", (_, change) => {
    assert.throws(() => begun().add(line, 0, 2, { ...event, ...change }), /invariant/i)
  })

  it("of an event among records, and of a record among events", () => {
    assert.throws(() => new Index.SegmentIndexBuilder("records").add(line, 0, 2, event), /invariant/i)
    assert.throws(() => begun().add(line, 0, 2), /invariant/i)
  })

  it("when it is used after its end, or for a segment without a hash", () => {
    const builder = begun()
    builder.finish(someSha256)
    assert.throws(() => builder.add(line, 0, 2, { ...event, revision: 1, position: 1 }), /invariant/i)
    assert.throws(() => builder.finish(someSha256), /invariant/i)
    assert.throws(() => begun().finish("ab"), /invariant/i)
  })

  it("of a segment of 4 GiB", () => {
    const builder = new Index.SegmentIndexBuilder("records")
    const quarter = new Uint8Array(2 ** 28)
    for (let i = 0; i < 15; i++) builder.add(quarter, 0, quarter.length - 1)
    builder.add(quarter, 0, quarter.length - 2)
    assert.throws(() => builder.add(quarter, 0, 0), /2\^32/)
    const index = builder.finish(someSha256)
    const header = Index.decodeHeader(pageOf(index, 0), someSha256)
    assert.strictEqual(header.rawBytes, 2 ** 32 - 1)
    assert.strictEqual(runLookup(index, Index.readBlocks(header)).count, 16)
  })
})

describe("look-ups", () => {
  it("die of entries that do not exist, and read none without a page", () => {
    const index = indexOf(small)
    const header = Index.decodeHeader(pageOf(index, 0), small.sha256)
    for (const [from, count] of [
      [0, 4],
      [3, 1],
      [-1, 1],
      [0, -1]
    ] as const) {
      assert.throws(() => runLookup(index, Index.readEntries(header, from, count)), /invariant/i)
    }
    assert.deepStrictEqual(runLookup(new Uint8Array(0), Index.readEntries(header, 3, 0)), [])
  })
})
