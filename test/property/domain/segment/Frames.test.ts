import * as fc from "fast-check"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "vitest"
import * as Frames from "../../../../src/domain/segment/Frames.ts"
import { codecs, frameOf, open, walk } from "../../../support/frames.ts"
import { text } from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"

const bytes = (max: number) => fc.uint8Array({ minLength: 1, maxLength: max })

/** From one byte to a whole frame: what compresses well, hardly, and not at all. */
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

describe.each(codecs)("frames of %s", (codec) => {
  it("are found again by walking, and hold what was put into them", async () => {
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

  it("ask for more where a file is cut, wherever that is", async () => {
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

  it("are refused where a byte changes, or give the same", async () => {
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

  it("of foreign bytes are refused, or ask for no more than the limit", () => {
    fc.assert(
      fc.property(bytes(200), bytes(60), fc.boolean(), (tail, head, isOurs) => {
        const start = codec === "zstd" ? [0x28, 0xb5, 0x2f, 0xfd, 0x24] : [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff]
        const file = Buffer.concat([isOurs ? Buffer.from(start) : head, tail, Buffer.alloc(400_000)])
        try {
          const size = Frames.measure(codec, file, 0, 4096)
          if (size !== undefined) assert.isAtMost(size.fileBytes, Frames.storedBytesMax(size.rawBytes))
          // The file is longer than any frame: it is never too short for one.
          assert.isDefined(size)
        } catch (error) {
          assert.isTrue(error instanceof Frames.FrameDamaged || error instanceof Frames.FrameTooLarge, String(error))
        }
      }),
      { numRuns: 10 * runs }
    )
  })
})
