/** Segments of several frames, and the possible damage of compressed and deduplicated segments. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Merkle from "litetapes/Merkle"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { hash } from "node:crypto"
import { crc32, deflateRawSync } from "node:zlib"
import { wrapGzip } from "../../../../src/domain/segment/Frames.ts"
import { SegmentIndexBuilder } from "../../../../src/domain/segment/SegmentIndex.ts"
import type { Segment } from "../../../../src/domain/meta/SystemRecord.ts"
import { readChunk } from "../../../../src/services/read/RecordReader.ts"
import { readRaw, readRawRanges } from "../../../../src/services/segment/SegmentBytes.ts"
import { readFileLines } from "../../../../src/services/segment/SegmentFile.ts"
import { readWhole } from "../../../../src/services/segment/SegmentRecords.ts"
import { tagOf } from "../../../support/openLib.ts"
import { install, joined, open, type Opened, pack, tapeName } from "../../../support/packedTape.ts"

const MiB = 1024 * 1024
const withStorage = Effect.provide(MemoryStorage.layer)
const lineOf = (n: number, bytes = 100): Uint8Array => Buffer.from(`{"n":${n},"x":"${"abcdefg".repeat(bytes / 7)}"}`)
const compressed = ["gzip", "zstd"] as const

/** A random number generator that always returns the same sequence. */
const numbers = (seed: number) => {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe.each(compressed)("a %s segment of several frames", (compression) => {
  it.live("returns any range of its raw bytes", () =>
    Effect.gen(function* () {
      const opened = yield* open("write")
      const { lib } = opened
      const lines = Array.from({ length: 60_000 }, (_, n) => lineOf(n, n % 100))
      const raw = joined(lines)
      const { segment } = yield* pack(opened, lines, { compression, dedup: false })
      const { frames } = yield* lib.segments.index(tapeName, "records", segment)
      assert.isAtLeast(frames.count, 3)
      const next = numbers(7)
      const ranges = Array.from({ length: 200 }, (_, n) => {
        const offset = next(raw.length)
        return [offset, Math.min(raw.length - offset, next(n % 10 === 0 ? 3 * MiB : 5000))] as const
      })
      ranges.push([0, raw.length], [raw.length, 0], [frames.rawOffset[1]! - 1, 2])
      const expected = ranges.map(([offset, length]) => raw.subarray(offset, offset + length))
      for (const [i, [offset, length]] of ranges.entries()) {
        const read = yield* readRaw(lib.segments, tapeName, "records", segment, offset, length)
        assert.isTrue(Buffer.from(read).equals(expected[i]!))
      }
      const read = yield* readRawRanges(lib.segments, tapeName, "records", segment, ranges)
      read.forEach((bytes, i) => assert.isTrue(Buffer.from(bytes).equals(expected[i]!)))
      assert.isAtMost(lib.segments.frames.bytes, 16 * MiB)
    }).pipe(withStorage)
  )

  it.live("may contain records that are longer than a frame", () =>
    Effect.gen(function* () {
      const opened = yield* open("write", "records", { limits: { recordBytesMax: 4 * MiB } })
      const { lib, tape } = opened
      const lines = [lineOf(1), lineOf(2, 3 * MiB), lineOf(3), lineOf(4, MiB), lineOf(5)]
      const { segment } = yield* pack(opened, lines, { compression, dedup: false })
      const { frames } = yield* lib.segments.index(tapeName, "records", segment)
      assert.deepStrictEqual(
        [...frames.rawBytes].map((bytes) => bytes > MiB),
        [false, true, false, true, false]
      )
      for (const [ordinal, line] of lines.entries()) {
        const chunk = yield* readChunk(lib, tape, ordinal, "forward", 1)
        assert.isTrue(Buffer.concat(chunk.pieces).equals(joined([line])))
      }
      yield* readWhole(lib.segments, tapeName, "records", segment, () => {})
    }).pipe(withStorage)
  )
})

/** Installs a segment with these stored lines, whatever they are, and with `same` repeats according to meta. */
const installLines = (opened: Opened, texts: ReadonlyArray<string>, same: number, withIndex = true) =>
  Effect.suspend(() => {
    const lines = texts.map((text) => Buffer.from(text))
    const file = joined(lines)
    const sha256 = hash("sha256", file, "hex")
    const builder = new SegmentIndexBuilder("records")
    const merkle = new Merkle.Accumulator(opened.tape.state.segments.at(-1)?.merkle)
    for (const line of lines) {
      builder.add(line, 0, line.length)
      merkle.add(line)
    }
    const sizes = { bytes: file.length, rawBytes: file.length, records: lines.length }
    const described = { ...sizes, ...(same === 0 ? {} : { same }), sha256, merkle: merkle.state() }
    return install(opened, file, described, "none", withIndex ? builder.finish(sha256) : undefined)
  })

/** Returns the tags of the errors with which both ways to read a segment fail: record by record, and whole. */
const readings = (opened: Opened, segment: Segment) =>
  Effect.gen(function* () {
    const { lib, tape } = opened
    const one = Effect.forEach(Array.from({ length: segment.records }).keys(), (ordinal) =>
      readChunk(lib, tape, segment.firstOrdinal + ordinal, "backward", 1)
    )
    return [yield* tagOf(one), yield* tagOf(readWhole(lib.segments, tapeName, "records", segment, () => {}))]
  })

const same = (line: number | string) => `{"$type":"LiteTape.Same","line":${line}}`
const record = `{"a":"a record that is long enough to be worth a reference"}`

describe("a line that repeats another", () => {
  it.effect.each([
    ["although meta counts no repeats", [record, same(0)], 0],
    ["itself", [record, same(1)], 1],
    ["a later one", [same(1), record], 1],
    ["a missing one", [record, same(7)], 1],
    ["one that repeats another one itself", [record, same(0), same(1)], 2],
    ["no line", [record, `{"$type":"LiteTape.Same"}`], 1],
    ["a number with leading zeros", [record, same("00")], 1],
    ["a number below 0", [record, same("-0")], 1],
    ["a text instead of a number", [record, same('"0"')], 1],
    ["with an additional field", [record, `{"$type":"LiteTape.Same","line":0,"more":1}`], 1]
  ] as const)("is refused: %s", ([, lines, count]) =>
    Effect.gen(function* () {
      const opened = yield* open("write")
      const segment = yield* installLines(opened, lines, count)
      assert.deepStrictEqual(yield* readings(opened, segment), ["SegmentCorrupt", "SegmentCorrupt"])
    }).pipe(withStorage)
  )

  it.effect("is corrupt if meta counts another number of repeats", () =>
    Effect.gen(function* () {
      const opened = yield* open("write")
      for (const count of [1, 3]) {
        const segment = yield* installLines(opened, [record, same(0), same(0)], count)
        const whole = readWhole(opened.lib.segments, tapeName, "records", segment, () => {})
        assert.strictEqual(yield* tagOf(whole), "SegmentCorrupt")
      }
    }).pipe(withStorage)
  )

  it.effect("returns the record that it repeats, and is left alone inside of other records", () =>
    Effect.gen(function* () {
      const opened = yield* open("write")
      const { lib } = opened
      const quoting = JSON.stringify({ a: same(0) })
      const nested = `{"a":${same(0)}}`
      const segment = yield* installLines(opened, [quoting, nested, same(0), same(1)], 2)
      const found: Array<string> = []
      yield* readWhole(
        lib.segments,
        tapeName,
        "records",
        segment,
        (line) => void found.push(Buffer.from(line).toString())
      )
      assert.deepStrictEqual(found, [quoting, nested, quoting, nested])
      const plain = yield* installLines(opened, [quoting, nested], 0)
      yield* readWhole(lib.segments, tapeName, "records", plain, () => {})
      assert.strictEqual((yield* readChunk(lib, opened.tape, 4, "forward")).count, 2)
    }).pipe(withStorage)
  )

  it.live("does not exhaust memory: a chunk stays within its limit, however long the repeated record is", () =>
    Effect.gen(function* () {
      const opened = yield* open("write")
      const { lib, tape } = opened
      const long = Buffer.from(lineOf(1, 600_000))
      const lines = Array.from({ length: 2000 }, (_, n) => (n % 2 === 0 ? long : lineOf(n % 20)))
      const { segment } = yield* pack(opened, lines, { compression: "none", dedup: true })
      assert.isBelow(segment.bytes, 800_000)
      for (const [ordinal, direction] of [
        [0, "forward"],
        [1999, "backward"],
        [1000, "forward"]
      ] as const) {
        const chunk = yield* readChunk(lib, tape, ordinal, direction)
        const bytes = chunk.pieces.reduce((sum, piece) => sum + piece.length, 0)
        assert.isAtMost(bytes, 610_000)
      }
    }).pipe(withStorage)
  )
})

/** Describes a segment with one line; its root is never checked. */
const described = (file: Uint8Array, rawBytes: number) => ({
  bytes: file.length,
  rawBytes,
  records: 1,
  sha256: hash("sha256", file, "hex"),
  merkle: { size: 1, peaks: ["ab".repeat(32)] }
})

describe("a frame with too much content", () => {
  const zeros = Buffer.alloc(64 * MiB, 0x20)
  it.live("fails with DecompressionLimit and its place in the file", () =>
    Effect.gen(function* () {
      const opened = yield* open("write")
      const line = joined([lineOf(1)])
      const first = wrapGzip(deflateRawSync(line), line.length, crc32(line))
      // It declares 1000 bytes, and contains 1 MiB.
      const bomb = wrapGzip(deflateRawSync(zeros.subarray(0, MiB)), 1000, 0)
      const file = Buffer.concat([first, bomb])
      const segment = yield* install(opened, file, { ...described(file, line.length + 1000) }, "gzip")
      const error = yield* Effect.flip(readWhole(opened.lib.segments, tapeName, "records", segment, () => {}))
      assert.strictEqual(error._tag, "DecompressionLimit")
      if (error._tag !== "DecompressionLimit") return
      assert.deepInclude({ ...error }, { tape: tapeName, segment: segment.name, offset: first.length, limit: 1000 })
      assert.include(error.message, segment.name)
    }).pipe(withStorage)
  )

  it.effect("fails with DecompressionLimit if its declared size exceeds the lib's limit, or the bytes in meta", () =>
    Effect.gen(function* () {
      const opened = yield* open("write")
      const { lib } = opened
      const beyondLib = wrapGzip(deflateRawSync(zeros.subarray(0, MiB + 2)), MiB + 2, 0)
      const segment = yield* install(opened, beyondLib, described(beyondLib, 64 * MiB), "gzip")
      const scan = readFileLines(lib.segments, tapeName, segment.name, "gzip", { onLine: () => {} })
      assert.strictEqual(yield* tagOf(scan), "DecompressionLimit")
      assert.strictEqual(yield* tagOf(readChunk(lib, opened.tape, 0, "forward")), "DecompressionLimit")
    }).pipe(withStorage)
  )

  it.effect("fails with DecompressionLimit if it exceeds the remaining bytes in meta", () =>
    Effect.gen(function* () {
      const opened = yield* open("write")
      const line = joined([lineOf(1)])
      const frame = wrapGzip(deflateRawSync(line), line.length, crc32(line))
      const segment = yield* install(opened, frame, described(frame, line.length - 1), "gzip")
      const whole = readWhole(opened.lib.segments, tapeName, "records", segment, () => {})
      assert.strictEqual(yield* tagOf(whole), "DecompressionLimit")
    }).pipe(withStorage)
  )
})
