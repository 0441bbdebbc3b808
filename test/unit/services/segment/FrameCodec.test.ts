import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { assert, describe, it } from "vitest"
import { measure, storedBytesMax } from "../../../../src/domain/segment/Frames.ts"
import { decompress, startCompress } from "../../../../src/services/segment/FrameCodec.ts"

/** Returns bytes that do not compress, always the same: each piece is the hash of the one before it. */
const noise = (length: number): Uint8Array => {
  const pieces: Array<Uint8Array> = []
  let seed = Buffer.from("noise")
  for (let bytes = 0; bytes < length; bytes += 32) {
    seed = createHash("sha256").update(seed).digest()
    pieces.push(seed)
  }
  return Buffer.concat(pieces, length)
}

describe.each(["zstd", "gzip"] as const)("a frame compressed as %s", (codec) => {
  it("is one frame, whatever its size, and decompresses to its content", async () => {
    const all = noise(8192)
    // Every file size around those at which a piece of zlib may end.
    const around = [1024, 2048, 4096].flatMap((size) => Array.from({ length: 48 }, (_, n) => size - 40 + n))
    for (const length of [1, 2, 100, ...around]) {
      const raw = all.subarray(0, length)
      const frame = await Effect.runPromise(Deferred.await(startCompress(codec, raw)))
      assert.isAtMost(frame.length, storedBytesMax(length))
      const { fileBytes, rawBytes } = measure(codec, frame, 0, length)!
      assert.deepStrictEqual([fileBytes, rawBytes], [frame.length, length], `${length} bytes`)
      const back = await Effect.runPromise(decompress(codec, frame, length))
      assert.strictEqual(Buffer.compare(back, raw), 0)
    }
  })
})
