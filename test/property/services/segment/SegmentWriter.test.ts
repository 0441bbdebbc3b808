import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { hash } from "node:crypto"
import { assert, describe, it } from "vitest"
import * as Merkle from "../../../../src/domain/merkle/Merkle.ts"
import { decodeSame } from "../../../../src/domain/segment/SameLine.ts"
import { linesOfChunk, readChunk } from "../../../../src/services/read/RecordReader.ts"
import { readStored } from "../../../../src/services/segment/SegmentFile.ts"
import { buildIndex } from "../../../../src/services/segment/SegmentIndexFile.ts"
import { readWhole } from "../../../../src/services/segment/SegmentRecords.ts"
import { walk } from "../../../support/frames.ts"
import { joined, open, type Opened, pack, packings, run, tapeName } from "../../../support/packedTape.ts"
import { lines } from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"
import * as IndexFiles from "../../../../src/services/segment/IndexFiles.ts"

const timeout = 60_000 + 1000 * runs
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8")
const textsOf = (all: ReadonlyArray<Uint8Array>) => all.map(textOf)

/** Reads records `from` to `to` from chunk to chunk in one direction. */
const readRange = ({ lib, tape }: Opened, from: number, to: number, backward: boolean, bytesMax: number) =>
  Effect.gen(function* () {
    const found: Array<string> = []
    for (let at = backward ? to - 1 : from; backward ? at >= from : at < to;) {
      const chunk = yield* readChunk(lib, tape, at, backward ? "backward" : "forward", bytesMax)
      const end = chunk.firstOrdinal + chunk.count
      assert.isTrue(chunk.firstOrdinal <= at && at < end, "the chunk has the record that was asked for")
      const part = backward
        ? textsOf(linesOfChunk(chunk, from, at + 1)).toReversed()
        : textsOf(linesOfChunk(chunk, at, to))
      found.push(...part)
      at = backward ? chunk.firstOrdinal - 1 : end
    }
    return found
  })

describe.each(packings)("a segment written with compression $compression and dedup $dedup", (packing) => {
  it(
    "matches its description in meta, and contains the lines",
    async () => {
      await fc.assert(
        fc.asyncProperty(lines, fc.integer({ min: 1, max: 70 }), (given, linesAtOnce) =>
          run(
            Effect.gen(function* () {
              const opened = yield* open("write")
              const { lib } = opened
              const { file, sealed, segment } = yield* pack(opened, given, packing, "records", linesAtOnce)
              assert.strictEqual(hash("sha256", file, "hex"), sealed.sha256)
              assert.strictEqual(file.length, sealed.bytes)
              assert.strictEqual(sealed.records, given.length)
              const merkle = new Merkle.Accumulator()
              for (const line of given) merkle.add(line)
              assert.deepStrictEqual(sealed.merkle, merkle.state())

              const stored: Array<string> = []
              const targets: Array<number | undefined> = []
              yield* readStored(lib.segments, tapeName, segment, (line, sameAs) => {
                stored.push(textOf(line))
                targets.push(sameAs)
              })
              const firstOf = new Map<string, number>()
              given.forEach((line, n) => {
                const text = textOf(line)
                const first = firstOf.get(text)
                if (first === undefined) firstOf.set(text, n)
                const short = `{"$type":"LiteTape.Same","line":${first}}`
                const repeats = packing.dedup && first !== undefined && short.length < line.length
                assert.strictEqual(stored[n], repeats ? short : text)
                assert.strictEqual(targets[n], repeats ? first : undefined)
              })
              assert.strictEqual(sealed.same ?? 0, targets.filter((target) => target !== undefined).length)

              const whole: Array<string> = []
              yield* readWhole(lib.segments, tapeName, "records", segment, (line) => void whole.push(textOf(line)))
              assert.deepStrictEqual(whole, textsOf(given))
            })
          )
        ),
        { numRuns: runs }
      )
    },
    timeout
  )

  it(
    "reads like a plain array, forwards and backwards, from anywhere",
    async () => {
      const ranges = fc.array(
        fc.record({
          from: fc.nat(),
          length: fc.nat(),
          backward: fc.boolean(),
          bytesMax: fc.constantFrom(1, 500, 2 ** 18)
        }),
        { minLength: 1, maxLength: 4 }
      )
      await fc.assert(
        fc.asyncProperty(fc.array(lines, { minLength: 1, maxLength: 3 }), ranges, (segments, wanted) =>
          run(
            Effect.gen(function* () {
              const opened = yield* open("write")
              for (const given of segments) yield* pack(opened, given, packing)
              const all = textsOf(segments.flat())
              for (const { from: start, length, backward, bytesMax } of wanted) {
                const from = start % all.length
                const to = from + 1 + (length % (all.length - from))
                const expected = all.slice(from, to)
                assert.deepStrictEqual(
                  yield* readRange(opened, from, to, backward, bytesMax),
                  backward ? expected.toReversed() : expected
                )
              }
            })
          )
        ),
        { numRuns: runs }
      )
    },
    timeout
  )

  it(
    "has the same index when it is rebuilt, and its frames are found by walking",
    async () => {
      await fc.assert(
        fc.asyncProperty(lines, (given) =>
          run(
            Effect.gen(function* () {
              const opened = yield* open("write")
              const { lib } = opened
              const { file, sealed, segment } = yield* pack(opened, given, packing)
              yield* IndexFiles.remove(lib.root.derived, tapeName, segment.name)
              lib.segments.forget(tapeName, segment.name)
              const rebuilt = yield* buildIndex(lib.segments, tapeName, "records", segment)
              const { blocks, frames } = yield* lib.segments.remember(tapeName, segment.name, segment.sha256, rebuilt)
              const [written] = yield* IndexFiles.readRanges(lib.root.derived, tapeName, segment.name, [
                [0, sealed.index.length + 1]
              ])
              assert.isTrue(Buffer.from(sealed.index).equals(written!))
              if (segment.compression === "none") assert.strictEqual(frames.count, 0)
              else {
                const sizes = Array.from({ length: frames.count }, (_, i) => ({
                  fileBytes: frames.fileBytes[i]!,
                  rawBytes: frames.rawBytes[i]!
                }))
                assert.deepStrictEqual(sizes, walk(segment.compression, file))
                const starts = new Set(blocks.offset)
                assert.isTrue([...frames.rawOffset].every((offset) => starts.has(offset)))
              }
              if (packing.dedup) assert.isAtMost(sealed.rawBytes, joined(given).length)
              else assert.isTrue(given.every((line) => decodeSame(line) === undefined))
            })
          )
        ),
        { numRuns: runs }
      )
    },
    timeout
  )
})
