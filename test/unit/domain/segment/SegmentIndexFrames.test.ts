import { assert, describe, it } from "vitest"
import * as Index from "../../../../src/domain/segment/SegmentIndex.ts"
import { forgeAt, forgeRow } from "../../../support/forgeIndex.ts"
import { pageOf, someSha256 } from "../../../support/indexModel.ts"
import { runLookup } from "../../../support/runLookup.ts"

const line = Buffer.alloc(1000, 0x61)

/** An index of frames with that many lines of 1001 bytes each; frame `i` occupies `100 + i` bytes of the file. */
const framed = (frames: ReadonlyArray<number>): Uint8Array => {
  const builder = new Index.SegmentIndexBuilder("records")
  for (const lines of frames) {
    for (let i = 0; i < lines; i++) builder.add(line, 0, line.length)
    builder.endFrame()
  }
  frames.forEach((_, i) => builder.addFrameBytes(100 + i))
  return builder.finish(someSha256)
}

const headerOf = (index: Uint8Array) => Index.decodeHeader(pageOf(index, 0), someSha256)
const framesOf = (index: Uint8Array) => runLookup(index, Index.readFrames(headerOf(index)))

describe("the frames of an index", () => {
  it("have the given offsets, and no block crosses their ends", () => {
    const index = framed([1, 100, 3])
    const frames = framesOf(index)
    assert.deepStrictEqual([...frames.fileOffset], [0, 100, 201])
    assert.deepStrictEqual([...frames.fileBytes], [100, 101, 102])
    assert.deepStrictEqual([...frames.rawOffset], [0, 1001, 101_101])
    assert.deepStrictEqual([...frames.rawBytes], [1001, 100_100, 3003])
    assert.strictEqual(frames.totalFileBytes, 303)
    const blocks = runLookup(index, Index.readBlocks(headerOf(index)))
    assert.deepStrictEqual([...blocks.firstRecord], [0, 1, 66, 101])
    assert.notInclude([...blocks.crc], 0)
  })

  it("are found by any of their bytes, even over several pages", () => {
    const frames = framesOf(framed(Array.from({ length: 700 }, (_, i) => 1 + (i % 2))))
    assert.strictEqual(frames.count, 700)
    for (let frame = 0; frame < 700; frame++) {
      const start = frames.rawOffset[frame]!
      const end = start + frames.rawBytes[frame]!
      assert.deepStrictEqual([frames.frameOfRaw(start), frames.frameOfRaw(end - 1)], [frame, frame])
    }
  })

  it("are empty if the segment is not compressed", () => {
    assert.strictEqual(framesOf(begun().finish(someSha256)).count, 0)
  })

  it.each([
    ["a gap in the file", 1, 0],
    ["a frame without bytes in the file", 0, 4],
    ["a gap in the raw bytes", 1, 8],
    ["fewer bytes than the segment", 2, 12]
  ])("are refused with %s, even with correct checksums", (_, row, at) => {
    const forged = framed([1, 2, 3])
    forgeRow(forged, "frames", row, (bytes) => (bytes[at] = at === 4 ? 0 : bytes[at]! ^ 1))
    assert.throws(() => framesOf(forged), Index.IndexDamaged)
  })

  it("are refused if there are more of them than blocks", () => {
    const forged = framed([1])
    forgeAt(forged, 80 + 4 * 16 + 12, (bytes) => (bytes[0] = 2))
    assert.throws(() => headerOf(forged), Index.IndexDamaged)
  })

  it("are refused if any single bit of their page is flipped", () => {
    const index = framed([1, 2])
    const { frames } = headerOf(index)
    const page = pageOf(index, frames.firstPage)
    for (let bit = 0; bit < page.length * 8; bit++) {
      page[bit >>> 3]! ^= 1 << (bit & 7)
      assert.throws(() => framesOf(index), Index.IndexDamaged)
      page[bit >>> 3]! ^= 1 << (bit & 7)
    }
  })
})

const begun = () => {
  const builder = new Index.SegmentIndexBuilder("records")
  builder.add(line, 0, line.length)
  return builder
}

describe("an index builder", () => {
  it("dies on a frame without lines, or without bytes", () => {
    const builder = begun()
    builder.endFrame()
    assert.throws(() => builder.endFrame(), /invariant/i)
    assert.throws(() => builder.addFrameBytes(0), /invariant/i)
  })

  it("dies on a frame without a size, and on lines outside of any frame", () => {
    const unsized = begun()
    unsized.endFrame()
    assert.throws(() => unsized.finish(someSha256), /invariant/i)
    const open = begun()
    open.endFrame()
    open.addFrameBytes(10)
    open.add(line, 0, line.length)
    assert.throws(() => open.finish(someSha256), /invariant/i)
  })
})

describe("the first page of an index", () => {
  it("names the segment of the index, if the page is intact", () => {
    const page = Uint8Array.from(pageOf(framed([1]), 0))
    assert.strictEqual(Index.hashOfSegment(page), someSha256)
    assert.isUndefined(Index.hashOfSegment(page.subarray(1)))
    for (const at of [0, 20, 48, page.length - 5, page.length - 1]) {
      page[at]! ^= 1
      assert.isUndefined(Index.hashOfSegment(page))
      page[at]! ^= 1
    }
  })
})
