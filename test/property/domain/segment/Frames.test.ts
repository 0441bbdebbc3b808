import { constants, crc32, deflateRawSync, gzipSync, zstdCompressSync, gunzipSync } from "node:zlib"
import { assert, describe, it } from "vitest"
import * as Frames from "../../../../src/domain/segment/Frames.ts"
import { codecs, frameOf, open, walk } from "../../../support/frames.ts"
import * as fc from "fast-check"
import { text } from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"

const line = Buffer.from(`{"a":1}\n`)
const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag } = constants
const zstd = (raw: Uint8Array, params: Record<number, number>) =>
  zstdCompressSync(raw, { params, pledgedSrcSize: raw.length })

const refused = (codec: Frames.Codec, bytes: Uint8Array, why: RegExp) =>
  assert.throws(() => Frames.measure(codec, bytes, 0, Frames.frameBytesMax), why)

/** Returns a copy of the frame with one byte replaced. */
const changed = (frame: Uint8Array, at: number, byte: number) => {
  const copy = Uint8Array.from(frame)
  copy[at] = byte
  return copy
}

const bytes = (max: number) => fc.uint8Array({ minLength: 1, maxLength: max })

/** From one byte to a whole frame, of contents that compress well, hardly, and not at all. */
const raw: fc.Arbitrary<Uint8Array> = fc.oneof(
  bytes(400),
  text.map((value) => Buffer.from(`${value}\n`)),
  fc
    .tuple(bytes(64), fc.integer({ min: 1, max: 4000 }))
    .map(([part, times]) => Buffer.alloc(part.length * times, part)),
  fc.integer({ min: 0, max: 2 ** 30 }).map((seed) => noise(seed, 200_000)),
  fc.constantFrom(Buffer.alloc(Frames.frameBytesMax, "line\n"), noise(1, Frames.frameBytesMax))
)

function noise(seed: number, length: number): Uint8Array {
  const made = new Uint8Array(length)
  let state = seed + 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    made[i] = state >>> 24
  }
  return made
}

describe("a frame", () => {
  it.each(codecs)("of %s depends only on its content", async (codec) => {
    assert.deepEqual(await frameOf(codec, line), await frameOf(codec, line))
  })

  it("of gzip has these bytes, which docs/FORMAT.md describes", async () => {
    const frame = Buffer.from(await frameOf("gzip", line))
    assert.strictEqual(frame.subarray(0, 16).toString("hex"), "1f8b08040000000000ff08004c540400")
    assert.strictEqual(frame.readUInt32LE(16), frame.length)
    assert.strictEqual(frame.readUInt32LE(frame.length - 8), crc32(line))
    assert.strictEqual(frame.readUInt32LE(frame.length - 4), line.length)
  })

  it("of zstd contains its size and a checksum", async () => {
    const frame = await frameOf("zstd", Buffer.alloc(1000, line))
    assert.strictEqual(Buffer.from(frame.subarray(0, 4)).toString("hex"), "28b52ffd")
    assert.strictEqual(frame[4]! & 0b0001_1111, 0b0000_0100)
    assert.deepStrictEqual(Frames.measure("zstd", frame, 0, 1000), { fileBytes: frame.length, rawBytes: 1000 })
  })

  it("has at most 1 MiB, or the size of the longest record", () => {
    assert.strictEqual(Frames.rawBytesMax({ recordBytesMax: 100 }), 2 ** 20)
    assert.strictEqual(Frames.rawBytesMax({ recordBytesMax: 2 ** 20 }), 2 ** 20 + 1)
  })
})

describe("the reader of zstd frames refuses", () => {
  const good = zstd(line, { [ZSTD_c_checksumFlag]: 1 })

  it("skippable frames", () => refused("zstd", Buffer.from("502a4d1804000000aaaaaaaa", "hex"), /no zstd frame/))
  it("a frame without a checksum", () => refused("zstd", zstd(line, { [ZSTD_c_checksumFlag]: 0 }), /no checksum/))
  it("a frame without a content size", () => {
    const unsized = zstd(line, { [ZSTD_c_checksumFlag]: 1, [ZSTD_c_contentSizeFlag]: 0 })
    refused("zstd", unsized, /no content size/)
  })
  it.each([0, 1, 3, 4])("descriptor bit %s", (bit) => {
    refused("zstd", changed(good, 4, good[4]! ^ (1 << bit)), /reserved|dictionary/)
  })
  it("a block of a reserved type", () => refused("zstd", changed(good, 6, good[6]! | 0b110), /reserved type/))
  it("a block of more than 128 KiB", () => refused("zstd", changed(good, 8, 0xff), /too large/))
  it("a frame without content", () => refused("zstd", zstd(Buffer.alloc(0), { [ZSTD_c_checksumFlag]: 1 }), /empty/))
  it("endless blocks", () => {
    const endless = Buffer.concat([good.subarray(0, 6), Buffer.alloc(1_000_000)])
    refused("zstd", endless, /larger than its content/)
  })
})

describe("the reader of gzip frames refuses", () => {
  it("a member without its size", () => refused("gzip", gzipSync(Buffer.alloc(1000, line)), /no gzip member/))

  it.each([
    ["a time", 4, 1],
    ["another system", 9, 3],
    ["a file name", 3, 12],
    ["another extra field", 12, 0x41]
  ])("a member with %s", async (_, at, byte) => {
    refused("gzip", changed(await frameOf("gzip", line), at, byte), /no gzip member/)
  })

  it("a size that is too small, and one that is too large", async () => {
    const frame = await frameOf("gzip", line)
    refused("gzip", changed(changed(frame, 16, 28), 17, 0), /too small/)
    refused("gzip", changed(frame, 19, 0xff), /too large/)
  })

  it("bytes between the deflated data and the checksum", async () => {
    const frame = Frames.wrapGzip(Buffer.concat([deflateRawSync(line), Buffer.from("x")]), line.length, crc32(line))
    assert.instanceOf(await open("gzip", frame, line.length), Frames.FrameDamaged)
  })

  it("a wrong checksum", async () => {
    const frame = Frames.wrapGzip(deflateRawSync(line), line.length, crc32(line) ^ 1)
    assert.instanceOf(await open("gzip", frame, line.length), Frames.FrameDamaged)
  })
})

describe("a frame with more content than it declares", () => {
  const bombBytes = 256 * 1024 * 1024
  const zeros = Buffer.alloc(1024 * 1024)

  it("of gzip stops at the limit", async () => {
    const bomb = Frames.wrapGzip(deflateRawSync(Buffer.alloc(bombBytes)), 1000, 0)
    const opened = await open("gzip", bomb.subarray(0), 1000)
    assert.instanceOf(opened, Error)
    const small = Frames.wrapGzip(deflateRawSync(zeros), 1000, 0)
    const limited = await open("gzip", small, 1000)
    assert.instanceOf(limited, Frames.FrameTooLarge)
    assert.strictEqual((limited as Frames.FrameTooLarge).limit, 1000)
  })

  it("of zstd stops at the limit", async () => {
    const frame = Buffer.from(zstd(zeros, { [ZSTD_c_checksumFlag]: 1 }))
    assert.strictEqual(frame[4]! >>> 6, 2)
    frame.writeUInt32LE(1000, frame[4]! & 0x20 ? 5 : 6)
    assert.deepStrictEqual(Frames.measure("zstd", frame, 0, 1000), { fileBytes: frame.length, rawBytes: 1000 })
    assert.notInstanceOf(await open("zstd", frame, 1000), Uint8Array)
  })

  it.each(codecs)("of %s is refused before decompression if its declared size exceeds the limit", async (codec) => {
    const frame = await frameOf(codec, zeros)
    assert.throws(() => Frames.measure(codec, frame, 0, zeros.length - 1), Frames.FrameTooLarge)
    assert.instanceOf(await open(codec, frame, zeros.length - 1), Frames.FrameTooLarge)
    assert.instanceOf(await open(codec, frame, zeros.length + 1), Frames.FrameDamaged)
  })
})

describe.each(codecs)("frames of %s", (codec) => {
  it("are found by walking, and decompress to their content", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(raw, { minLength: 1, maxLength: 4 }), async (contents) => {
        const frames = await Promise.all(contents.map((content) => frameOf(codec, content)))
        const file = Buffer.concat(frames)
        assert.deepStrictEqual(
          walk(codec, file),
          contents.map((content, i) => ({ fileBytes: frames[i]!.length, rawBytes: content.length }))
        )
        for (const [i, content] of contents.entries()) {
          assert.isAtMost(frames[i]!.length, Frames.storedBytesMax(content.length))
          const opened = await open(codec, frames[i]!, content.length)
          assert.instanceOf(opened, Uint8Array)
          assert.isTrue(Buffer.from(content).equals(opened as Uint8Array))
        }
        if (codec === "gzip") assert.isTrue(gunzipSync(file).equals(Buffer.concat(contents)))
      }),
      { numRuns: runs }
    )
  })

  it("need more bytes if the file is cut, at any byte", async () => {
    await fc.assert(
      fc.asyncProperty(bytes(300), async (content) => {
        const frame = await frameOf(codec, content)
        for (let end = 0; end < frame.length; end++) {
          assert.isUndefined(Frames.measure(codec, frame.subarray(0, end), 0, content.length))
        }
      }),
      { numRuns: runs }
    )
  })

  it("are refused if a byte changes, or decompress to the same content", async () => {
    await fc.assert(
      fc.asyncProperty(raw, fc.nat(), fc.integer({ min: 1, max: 255 }), async (content, at, mask) => {
        const frame = Uint8Array.from(await frameOf(codec, content))
        frame[at % frame.length]! ^= mask
        const opened = await open(codec, frame, content.length)
        if (opened instanceof Uint8Array) assert.isTrue(Buffer.from(content).equals(opened))
        else assert.isTrue(opened instanceof Frames.FrameDamaged || opened instanceof Frames.FrameTooLarge)
      }),
      { numRuns: runs }
    )
  })

  it("are refused if their bytes are foreign, or need no more bytes than the limit", () => {
    fc.assert(
      fc.property(bytes(200), bytes(60), fc.boolean(), (tail, head, isOurs) => {
        const start = codec === "zstd" ? [0x28, 0xb5, 0x2f, 0xfd, 0x24] : [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff]
        const file = Buffer.concat([isOurs ? Buffer.from(start) : head, tail, Buffer.alloc(400_000)])
        try {
          const size = Frames.measure(codec, file, 0, 4096)
          if (size !== undefined) assert.isAtMost(size.fileBytes, Frames.storedBytesMax(size.rawBytes))
          // The file is longer than any frame, so it never ends too early.
          assert.isDefined(size)
        } catch (error) {
          assert.isTrue(error instanceof Frames.FrameDamaged || error instanceof Frames.FrameTooLarge, String(error))
        }
      }),
      { numRuns: 10 * runs }
    )
  })
})
