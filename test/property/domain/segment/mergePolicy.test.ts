import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { bytesOfLast, fanIn, type Mergeable, mergeDue } from "../../../../src/domain/segment/mergePolicy.ts"
import { runs } from "../../../support/runs.ts"

const KiB = 1024
const MiB = 1024 * KiB

/** Those of a lib with a `closeBytes` of 64 MiB. */
const bounds = { smallBytes: 4 * MiB, runBytesMax: 16 * MiB }

const plain = (rawBytes: number): Mergeable => ({ rawBytes, compression: "none" })

/** Adds segments of these sizes one after the other, and merges after each what is due. */
const simulate = (sizes: ReadonlyArray<number>, { runBytesMax, smallBytes } = bounds) => {
  let segments: Array<Mergeable> = []
  let copied = 0
  let merges = 0
  let copiedMost = 0
  for (const size of sizes) {
    segments.push(plain(size))
    const due = mergeDue(segments, { runBytesMax, smallBytes })
    if (due === 0) continue
    const bytes = bytesOfLast(segments, due)
    copied += bytes
    copiedMost = Math.max(copiedMost, bytes)
    merges++
    segments = [...segments.slice(0, segments.length - due), plain(bytes)]
    assert.strictEqual(mergeDue(segments, { runBytesMax, smallBytes }), 0, "one merge is enough")
  }
  return { segments, copied, copiedMost, merges, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

const log = (base: number, value: number): number => Math.log(Math.max(1, value)) / Math.log(base)

/** The most segments that may be left of these bytes while all of them are small. */
const segmentsMax = (bytes: number, smallest: number): number => 2 + log(fanIn / (fanIn - 1), bytes / smallest)

/** Sizes from a byte to megabytes, with runs of equal ones. */
const sizes = fc
  .array(
    fc.record({
      size: fc.oneof(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 4 * MiB }),
        fc.integer({ min: 1, max: 64 * MiB })
      ),
      times: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 40 }))
    }),
    { minLength: 1, maxLength: 40 }
  )
  .map((runs) => runs.flatMap(({ size, times }) => Array.from({ length: times }, () => size)))

describe("the policy of merging", () => {
  it("leaves a number of small segments that grows with the logarithm of their bytes", () => {
    const smallSizes = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 190 })
    fc.assert(
      fc.property(smallSizes, (sizes) => {
        const { bytes, segments } = simulate(sizes)
        assert.isAtMost(segments.length, segmentsMax(bytes, Math.min(...segments.map(({ rawBytes }) => rawBytes))))
      }),
      { numRuns: runs }
    )
  })

  it("leaves few segments for each 4 MiB, whatever the sizes", () => {
    fc.assert(
      fc.property(sizes, (all) => {
        const { bytes, segments } = simulate(all)
        assert.isAtMost(segments.length, segmentsMax(bounds.runBytesMax, 1) * (1 + bytes / bounds.smallBytes))
        // Small ones that stay for ever are followed by more bytes than one merge copies.
        for (let at = 0; at < segments.length; at++) {
          const behind = segments.slice(at).reduce((sum, { rawBytes }) => sum + rawBytes, 0)
          const due = behind >= fanIn * segments[at]!.rawBytes && behind <= bounds.runBytesMax
          const isLeft = segments.slice(at, -1).every(({ rawBytes }) => rawBytes < bounds.smallBytes)
          assert.isFalse(due && isLeft && at < segments.length - 1)
        }
      }),
      { numRuns: runs }
    )
  })

  it("copies at most 16 MiB at once, and each byte at most once and four times for each power of four", () => {
    fc.assert(
      fc.property(sizes, (all) => {
        const { bytes, copied, copiedMost } = simulate(all)
        assert.isAtMost(copiedMost, bounds.runBytesMax)
        assert.isAtMost(copied, bytes * (1 + fanIn * log(fanIn, (fanIn * bounds.smallBytes) / Math.min(...all))))
      }),
      { numRuns: runs }
    )
  })

  it("merges equal segments like digits of a number to the base of four", () => {
    const { bytes, copied, merges, segments } = simulate(Array.from({ length: 5000 }, () => 200))
    // 5,000 is 1·4^6 + 3·4^4 + 2·4^3 + 2·4 in this base, and its last digit is 0.
    assert.deepStrictEqual(
      segments.map(({ rawBytes }) => rawBytes / 200),
      [4096, 256, 256, 256, 64, 64, 4, 4]
    )
    assert.strictEqual(merges, 1250)
    assert.isAtMost(copied, 6 * bytes)
  })

  it("merges small segments into a larger one after them, once, unless that is larger than a merge may be", () => {
    const few = [300, 200, 200].map(plain)
    assert.strictEqual(mergeDue([...few, plain(10 * MiB)], bounds), 4)
    assert.strictEqual(mergeDue([...few, plain(16 * MiB)], bounds), 0)
    assert.strictEqual(mergeDue([...few, plain(10 * MiB), plain(10 * MiB)], bounds), 0)
  })

  it("leaves segments that a repack has compressed, deduplicated or put into shard folders", () => {
    for (const form of [{ compression: "zstd" as const }, { same: 1 }, { shardEvery: 10 }]) {
      const one: Mergeable = { ...plain(100), ...form }
      const all = [one, plain(100), plain(100), plain(100)]
      assert.strictEqual(mergeDue(all, bounds), 0)
      assert.strictEqual(mergeDue([...all, plain(100)], bounds), 4)
      assert.strictEqual(mergeDue([plain(100), plain(100), plain(100), plain(100), one], bounds), 0)
    }
  })
})
