import * as fc from "fast-check"
import { crc32 } from "node:zlib"
import { assert, describe, it } from "vitest"
import { hash53 } from "../../../../src/domain/base/Hash53.ts"
import * as Index from "../../../../src/domain/segment/SegmentIndex.ts"
import type { HashStream, Segment } from "../../../support/indexModel.ts"
import { entriesOf, eventsOf, indexOf, segmentOf } from "../../../support/indexModel.ts"
import { runLookup } from "../../../support/runLookup.ts"
import { runs } from "../../../support/runs.ts"

const idHash = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 2 ** 53 - 1 }), fc.constant(2 ** 53 - 1))
const lineBytes = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 2, max: 300 }) },
  fc.integer({ min: 2, max: 70_000 })
)

const hashes: ReadonlyArray<HashStream> = [
  hash53,
  () => 0,
  () => 2 ** 53 - 1,
  (stream) => hash53(stream) % 3,
  (stream) => 2 ** 52 + (hash53(stream) % 50)
]

const manyEvents = fc
  .record({
    streams: fc.constantFrom(1, 3, 40, 1000),
    events: fc.array(
      fc.record({ stream: fc.nat(), gap: fc.oneof(fc.constant(0), fc.nat(50)), idHash, bytes: lineBytes }),
      {
        maxLength: 700,
        size: "max"
      }
    ),
    firstRevision: fc.nat(9),
    hashStream: fc.constantFrom(...hashes)
  })
  .map(({ streams, events, firstRevision, hashStream }) =>
    segmentOf(
      "events",
      eventsOf(
        events.map((event) => ({ ...event, stream: `order-${event.stream % streams}` })),
        firstRevision
      ),
      hashStream
    )
  )

// Shrinking as far as it goes would take many minutes with segments of this size.
const events = fc.limitShrink(manyEvents, 1000)

const records = fc
  .array(fc.oneof(lineBytes, fc.constantFrom(1, 65_534, 65_535, 65_536)), { maxLength: 400, size: "max" })
  .map((lengths) =>
    segmentOf(
      "records",
      lengths.map((length, i) => ({ bytes: Buffer.alloc(length, 0x61 + (i % 26)) }))
    )
  )

const headerOf = (index: Uint8Array, segment: Segment) =>
  Index.decodeHeader(index.subarray(0, Index.pageBytes), segment.sha256)

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

describe("SegmentIndex", () => {
  it("describes its segment", () => {
    fc.assert(
      fc.property(fc.oneof(events, records), (segment) => {
        const index = indexOf(segment)
        const header = headerOf(index, segment)
        assert.strictEqual(index.length, header.pages * Index.pageBytes)
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

  it("cuts the segment into blocks of whole lines that are as full as they may be", () => {
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
            // In a gap between two blocks it is the one before: reading on from there meets the next event.
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

  it("is the same whenever it is built again", () => {
    fc.assert(
      fc.property(fc.oneof(events, records), (segment) => assert.deepEqual(indexOf(segment), indexOf(segment))),
      { numRuns: runs }
    )
  })

  it("is refused, wherever one byte of a random index changes", () => {
    fc.assert(
      fc.property(events, fc.nat(), fc.integer({ min: 1, max: 255 }), (segment, at, mask) => {
        const index = indexOf(segment)
        const header = headerOf(index, segment)
        const damaged = Uint8Array.from(index)
        const i = at % index.length
        damaged[i]! ^= mask
        assert.throws(() => {
          headerOf(damaged, segment)
          runLookup(damaged, Index.readBlocks(header))
          runLookup(damaged, Index.readEntries(header, 0, header.records))
          for (const { event } of segment.lines) {
            runLookup(damaged, Index.findStream(header, segment.hashStream(event!.stream)))
            runLookup(damaged, Index.findId(header, event!.idHash))
          }
        }, Index.IndexDamaged)
      }),
      { numRuns: runs }
    )
  })
})
