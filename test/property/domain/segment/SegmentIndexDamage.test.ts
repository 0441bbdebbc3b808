import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { hash53 } from "../../../../src/domain/base/Hash53.ts"
import * as Index from "../../../../src/domain/segment/SegmentIndex.ts"
import { forgeAt, forgeRow } from "../../../support/forgeIndex.ts"
import { events } from "../../../support/indexArbitraries.ts"
import {
  answers,
  headerOf,
  indexOf,
  manyEvents,
  pageOf,
  segmentOf,
  small,
  someSha256
} from "../../../support/indexModel.ts"
import { runLookup } from "../../../support/runLookup.ts"
import { runs } from "../../../support/runs.ts"

const smallAnswers = (index: Uint8Array, sha256 = small.sha256) =>
  answers(index, sha256, [hash53("order-0"), hash53("order-1")], [small.lines[0]!.event!.idHash])

/** Spread over pages of every section: 7 pages of streams, 15 of entries, 15 of ids, 2 of blocks, which share some. */
const large = segmentOf(
  "events",
  manyEvents(5000, 1100).lines.map(({ bytes, event }, i) => ({
    bytes: i < 200 ? Buffer.alloc(40_000, 0x61) : bytes,
    event: event!
  }))
)
const largeAnswers = (index: Uint8Array, sha256 = large.sha256) =>
  answers(
    index,
    sha256,
    large.lines.slice(0, 1100).map(({ event }) => hash53(event!.stream)),
    large.lines.map(({ event }) => event!.idHash)
  )

describe("a damaged index", () => {
  it("is refused if any single bit is flipped", () => {
    const index = indexOf(small)
    const expected = smallAnswers(index)
    assert.isBelow(index.length, 400)
    let refused = 0
    for (let bit = 0; bit < 8 * index.length; bit++) {
      index[bit >>> 3]! ^= 1 << (bit & 7)
      try {
        assert.deepStrictEqual(smallAnswers(index), expected)
      } catch (error) {
        if (!(error instanceof Index.IndexDamaged)) throw error
        refused++
      }
      index[bit >>> 3]! ^= 1 << (bit & 7)
    }
    assert.strictEqual(refused, 8 * index.length)
  })

  it("is refused if any byte of a random index changes", () => {
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

  it("is refused if it is cut off anywhere", () => {
    const index = indexOf(large)
    for (let pages = 0; pages < index.length / Index.pageBytes; pages++) {
      for (const more of [0, 1, 300, 4092, 4095]) {
        if (pages * Index.pageBytes + more >= index.length) continue
        const cutOff = index.subarray(0, pages * Index.pageBytes + more)
        assert.throws(() => largeAnswers(cutOff), Index.IndexDamaged)
      }
    }
  })

  it("is refused if any page is in the place of another", () => {
    const index = indexOf(large)
    const pages = Math.ceil(index.length / Index.pageBytes)
    const expected = largeAnswers(index)
    assert.strictEqual(expected.header.pages, pages)
    for (let page = 0; page < pages; page++) {
      for (let other = 0; other < pages; other += 5) {
        if (other === page) continue
        const swapped = Uint8Array.from(index)
        // The last page is shorter.
        const length = Math.min(pageOf(index, page).length, pageOf(index, other).length)
        swapped.set(pageOf(index, page).subarray(0, length), other * Index.pageBytes)
        swapped.set(pageOf(index, other).subarray(0, length), page * Index.pageBytes)
        assert.throws(() => largeAnswers(swapped), Index.IndexDamaged)
      }
    }
  })

  it("is refused if it, or any page of it, belongs to another segment with the same lines", () => {
    const index = indexOf(small)
    const other = indexOf({ ...small, sha256: someSha256 })
    assert.throws(() => smallAnswers(index, someSha256), Index.IndexDamaged)
    assert.throws(() => smallAnswers(other), Index.IndexDamaged)
    const many = indexOf(large)
    const others = indexOf({ ...large, sha256: someSha256 })
    for (let page = 0; page < many.length / Index.pageBytes; page++) {
      const mixed = Uint8Array.from(many)
      mixed.set(pageOf(others, page), page * Index.pageBytes)
      assert.throws(() => largeAnswers(mixed), Index.IndexDamaged)
    }
  })

  it("is refused if storage returns fewer pages than requested", () => {
    const index = indexOf(small)
    const lookup = Index.readBlocks(Index.decodeHeader(pageOf(index, 0), small.sha256))
    lookup.next()
    assert.throws(() => lookup.next([]), Index.IndexDamaged)
  })

  it.each([
    ["no magic", 0],
    ["another version", 8],
    ["an unknown kind", 13],
    ["another segment's hash", 16],
    ["another number of records", 48],
    ["another size of the segment", 52],
    ["another first position", 63],
    ["another size", 72],
    ["more sections than fit", 77],
    ["blocks before the table ends", 88],
    ["blocks on another page", 84],
    ["blocks of another size", 90],
    ["more blocks than records", 93],
    ["a section twice", 96],
    ["streams beyond the end", 101],
    ["more streams than events", 108],
    ["more entries than events", 124],
    ["more ids than events", 140]
  ])("is refused if its header has %s, with a correct checksum", (_, at) => {
    const forged = indexOf(small)
    forgeAt(forged, at, (bytes) => (bytes[0]! ^= at === 96 ? 3 : 0x07))
    assert.throws(() => smallAnswers(forged), Index.IndexDamaged)
  })

  it.each([
    ["a first block that begins at another record", "blocks", 0],
    ["a first block that does not begin the segment", "blocks", 4],
    ["blocks that are longer than the segment", "blocks", 8],
    ["a stream that begins after the entries", "streams", 9],
    ["a stream with too many entries", "streams", 12],
    ["an entry that begins after the segment", "entries", 1],
    ["an entry that ends after the segment", "entries", 5],
    ["an id without an entry", "ids", 9]
  ] as const)("is refused if it has %s, with correct checksums", (_, section, at) => {
    const forged = indexOf(small)
    forgeRow(forged, section, 0, (bytes) => (bytes[at]! ^= 0x07))
    assert.throws(() => smallAnswers(forged), Index.IndexDamaged)
  })

  it("is refused if its blocks do not ascend, with correct checksums", () => {
    const segment = segmentOf(
      "records",
      [1, 2].map(() => ({ bytes: Buffer.alloc(40_000, 0x61) }))
    )
    const forged = indexOf(segment)
    forgeRow(forged, "blocks", 1, (bytes) => bytes.writeUInt32LE(0))
    const header = Index.decodeHeader(pageOf(forged, 0), segment.sha256)
    assert.throws(() => runLookup(forged, Index.readBlocks(header)), /not in order/)
  })

  it("is refused with an error that says why", () => {
    try {
      Index.decodeHeader(new Uint8Array(10), someSha256)
      assert.fail("it was accepted")
    } catch (error) {
      assert.instanceOf(error, Index.IndexDamaged)
      assert.strictEqual(error.name, "IndexDamaged")
      assert.include(error.message, error.why)
    }
  })
})
