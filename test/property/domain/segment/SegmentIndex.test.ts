import * as fc from "fast-check"
import { hash } from "node:crypto"
import { crc32 } from "node:zlib"
import { assert, describe, it } from "vitest"
import { hash53 } from "../../../../src/domain/base/Hash53.ts"
import * as Index from "../../../../src/domain/segment/SegmentIndex.ts"
import { events, records } from "../../../support/indexArbitraries.ts"
import {
  answers,
  entriesOf,
  type HashStream,
  headerOf,
  indexOf,
  manyEvents,
  pageOf,
  type Segment,
  segmentOf,
  small,
  someSha256
} from "../../../support/indexModel.ts"
import { runLookup } from "../../../support/runLookup.ts"
import { runs } from "../../../support/runs.ts"

/** Returns the blocks of a segment with lines of these lengths, newlines included. */
const blocksOf = (lengths: ReadonlyArray<number>) => {
  const segment = segmentOf(
    "records",
    lengths.map((length) => ({ bytes: Buffer.alloc(length - 1, 0x61) }))
  )
  const index = indexOf(segment)
  return runLookup(index, Index.readBlocks(headerOf(index, segment)))
}

/** Returns how often the look-up of each of 20,000 streams asks for pages. */
const probesOf = (hashStream: HashStream) => {
  const segment = manyEvents(20_000, 20_000, hashStream)
  const index = indexOf(segment)
  const header = headerOf(index, segment)
  return Array.from({ length: 20_000 }, (_, i) => {
    let steps = 0
    const rows = runLookup(index, Index.findStream(header, hashStream(`order-${i}`)), () => steps++)
    assert.strictEqual(rows.length, 1)
    return steps
  })
}

const checkBlocks = (segment: Segment): void => {
  const index = indexOf(segment)
  const header = headerOf(index, segment)
  const blocks = runLookup(index, Index.readBlocks(header))
  const entries = entriesOf(segment)
  const positions = segment.lines.map(({ event }) => event?.position ?? -1)
  let record = 0
  for (let block = 0; block < blocks.count; block++) {
    const offset = blocks.offset[block]!
    const raw = segment.raw.subarray(offset, offset + blocks.bytes[block]!)
    const last = block + 1 < blocks.count ? blocks.firstRecord[block + 1]! : entries.length
    assert.strictEqual(blocks.firstRecord[block], record)
    assert.strictEqual(offset, entries[record]!.offset)
    assert.strictEqual(crc32(raw), blocks.crc[block])
    assert.strictEqual(raw.at(-1), 0x0a)
    assert.isTrue(raw.length <= Index.blockBytesMax || last === record + 1)
    assert.strictEqual(blocks.firstPosition[block], positions[record])
    for (; record < last; record++) assert.strictEqual(blocks.blockOfRecord(record), block)
    if (record < entries.length) {
      assert.isAbove(raw.length + entries[record]!.length + 1, Index.blockBytesMax, "the next line had room")
    }
  }
  assert.strictEqual(record, entries.length)
  for (const none of [-1, entries.length, 2 ** 40]) assert.strictEqual(blocks.blockOfRecord(none), -1)
}

describe("an index", () => {
  it.each(["records", "events"] as const)("of a segment without %s consists of its header", (kind) => {
    const segment = segmentOf(kind, [])
    const index = indexOf(segment)
    assert.strictEqual(index.length, (kind === "events" ? 192 : 160) + 4)
    const { header, blocks, streams, ids } = answers(index, segment.sha256, [1], [1])
    assert.deepInclude(header, { kind, records: 0, rawBytes: 0, firstPosition: -1, lastPosition: -1, pages: 1 })
    assert.strictEqual(blocks.count, 0)
    assert.deepStrictEqual([streams, ids], [[[]], [[]]])
    const table = runLookup(index, Index.readBlocks(header))
    assert.deepStrictEqual([table.blockOfRecord(0), table.blockOfPosition(0)], [-1, -1])
  })

  it("gives a record of 1 MiB its own block", () => {
    const lines = [100, 2 ** 20, 100].map((bytes) => ({ bytes: Buffer.alloc(bytes, 0x61) }))
    const segment = segmentOf("records", lines)
    const index = indexOf(segment)
    const header = headerOf(index, segment)
    const blocks = runLookup(index, Index.readBlocks(header))
    assert.deepStrictEqual([...blocks.firstRecord], [0, 1, 2])
    assert.deepStrictEqual([...blocks.bytes], [101, 2 ** 20 + 1, 101])
    assert.deepStrictEqual([...blocks.offset], [0, 101, 2 ** 20 + 102])
  })

  it("fills a block to its last byte, and not further", () => {
    const half = Index.blockBytesMax / 2
    assert.deepStrictEqual([...blocksOf([half, half, half]).firstRecord], [0, 2])
    assert.deepStrictEqual([...blocksOf([half, half + 1, half]).firstRecord], [0, 1, 2])
  })

  it("gives streams that share a hash one row each, even across pages", () => {
    const segment = manyEvents(3000, 1000, (stream) => Number(stream.slice(6)) % 2)
    const index = indexOf(segment)
    const header = headerOf(index, segment)
    for (const hash of [0, 1]) {
      const rows = runLookup(index, Index.findStream(header, hash))
      assert.strictEqual(rows.length, 500)
      assert.strictEqual(new Set(rows.map(({ firstEntry }) => firstEntry)).size, 500)
      assert.isTrue(rows.every(({ count, firstRevision }) => count === 3 && firstRevision === 0))
    }
    assert.deepStrictEqual(runLookup(index, Index.findStream(header, 2)), [])
    const all = [0, 1].flatMap((hash) =>
      runLookup(index, Index.findStream(header, hash)).map((row) => ({ hash, ...row }))
    )
    assert.deepStrictEqual(runLookup(index, Index.readStreams(header)), all)
  })

  it("finds a stream in one or two pages if hashes are spread, and in few pages otherwise", () => {
    const spread = probesOf(hash53)
    assert.isBelow(spread.reduce((sum, steps) => sum + steps, 0) / spread.length, 2)
    assert.isAtMost(
      Math.max(...probesOf((stream) => 2 ** Math.floor(Number(stream.slice(6)) / 400) + Number(stream.slice(6)))),
      12
    )
  })

  it("of thousands of events and more than a hundred blocks contains each of them", () => {
    const lines = manyEvents(9000, 700).lines.map(({ event }, i) => ({
      bytes: Buffer.alloc(i % 9 === 0 ? 9000 : 90, 0x61 + (i % 26)),
      event: event!
    }))
    const segment = segmentOf("events", lines)
    const index = indexOf(segment)
    const header = headerOf(index, segment)
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

  it("starts a stream at its first revision in the segment", () => {
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

  it("has exactly these bytes in this version", () => {
    assert.strictEqual(
      hash("sha256", indexOf(small), "hex"),
      "cd80d49a7184cccbfb3645ccd6f594d83cea53b1c8922d26d8f96b721ba01054"
    )
  })
})

describe("look-ups", () => {
  it("die on entries that do not exist, and read no entries without a page", () => {
    const index = indexOf(small)
    const header = headerOf(index, small)
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

describe("SegmentIndex", () => {
  it("describes its segment", () => {
    fc.assert(
      fc.property(fc.oneof(events, records), (segment) => {
        const index = indexOf(segment)
        const header = headerOf(index, segment)
        const rows = segment.kind === "events" ? 24 * segment.lines.length + 24 * header.streams.rows : 0
        // A small index has no gaps. In a larger one, fewer bytes than a row end each page.
        const bytes = (segment.kind === "events" ? 192 : 160) + 24 * header.blocks.rows + rows
        assert.isAtLeast(index.length, bytes + 4 * header.pages)
        assert.isAtMost(index.length, bytes + 4 * header.pages + 23 * (header.pages - 1))
        assert.strictEqual(header.pages, Math.ceil(index.length / Index.pageBytes))
        assert.strictEqual(header.segmentSha256, segment.sha256)
        assert.strictEqual(header.kind, segment.kind)
        assert.strictEqual(header.records, segment.lines.length)
        assert.strictEqual(header.rawBytes, segment.raw.length)
        assert.strictEqual(header.firstPosition, segment.lines.at(0)?.event?.position ?? -1)
        assert.strictEqual(header.lastPosition, segment.lines.at(-1)?.event?.position ?? -1)
      }),
      { numRuns: runs }
    )
  })

  it("cuts the segment into blocks of whole lines that are as full as possible", () => {
    fc.assert(fc.property(fc.oneof(events, records), checkBlocks), { numRuns: runs })
  })

  it("finds the block of every position", () => {
    fc.assert(
      fc.property(events, (segment) => {
        const index = indexOf(segment)
        const blocks = runLookup(index, Index.readBlocks(headerOf(index, segment)))
        const positions = segment.lines.map(({ event }) => event!.position)
        const last = positions.at(-1) ?? -1
        for (const position of new Set([-1, 0, last + 1, ...positions.flatMap((p) => [p - 1, p])])) {
          const next = positions.findIndex((p) => p >= position)
          const block = blocks.blockOfPosition(position)
          if (next === -1) assert.strictEqual(block, -1)
          else {
            const of = blocks.blockOfRecord(next)
            // For a gap between two blocks it is the block before: a reader that continues from there finds the next
            // event.
            assert.strictEqual(block, positions[next] === position || of === 0 ? of : blocks.blockOfRecord(next - 1))
          }
        }
      }),
      { numRuns: runs }
    )
  })

  it("finds every stream and its events by revision, and only these", () => {
    fc.assert(
      fc.property(events, (segment) => {
        const index = indexOf(segment)
        const header = headerOf(index, segment)
        const entries = entriesOf(segment)
        const lines = segment.lines.map(({ event }, i) => ({ ...event!, entry: entries[i]! }))
        const byHash = Map.groupBy(
          Map.groupBy(lines, ({ stream }) => stream),
          ([stream]) => segment.hashStream(stream)
        )
        for (const [hash, streams] of byHash) {
          const found = runLookup(index, Index.findStream(header, hash)).map(
            ({ firstEntry, count, firstRevision }) => ({
              firstRevision,
              entries: runLookup(index, Index.readEntries(header, firstEntry, count))
            })
          )
          const expected = streams.map(([, lines]) => ({
            firstRevision: lines[0]!.revision,
            entries: lines.map(({ entry }) => entry)
          }))
          assert.deepStrictEqual(found, expected)
        }
        for (const hash of [0, 1, 2 ** 52, 2 ** 53 - 1, hash53("no-such-stream")]) {
          if (!byHash.has(hash)) assert.deepStrictEqual(runLookup(index, Index.findStream(header, hash)), [])
        }
      }),
      { numRuns: runs }
    )
  })

  it("finds every event by the hash of its id, and only these", () => {
    fc.assert(
      fc.property(events, (segment) => {
        const index = indexOf(segment)
        const header = headerOf(index, segment)
        const entries = entriesOf(segment)
        const lines = segment.lines.map(({ event }, i) => ({ idHash: event!.idHash, offset: entries[i]!.offset }))
        const byHash = Map.groupBy(lines, ({ idHash }) => idHash)
        for (const [hash, lines] of byHash) {
          const found = runLookup(index, Index.findId(header, hash))
          assert.deepStrictEqual(
            found,
            found.toSorted((a, b) => a - b)
          )
          const offsets = found.map((entry) => runLookup(index, Index.readEntries(header, entry, 1))[0]!.offset)
          assert.deepStrictEqual(
            offsets.toSorted((a, b) => a - b),
            lines.map(({ offset }) => offset)
          )
        }
        for (const hash of [0, 1, 4, 2 ** 53 - 1, hash53("no such id")]) {
          if (!byHash.has(hash)) assert.deepStrictEqual(runLookup(index, Index.findId(header, hash)), [])
        }
      }),
      { numRuns: runs }
    )
  })

  it("is the same whenever it is rebuilt", () => {
    fc.assert(
      fc.property(fc.oneof(events, records), (segment) => assert.deepEqual(indexOf(segment), indexOf(segment))),
      { numRuns: runs }
    )
  })
})
