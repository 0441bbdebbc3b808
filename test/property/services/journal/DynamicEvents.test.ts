import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { crc32 } from "node:zlib"
import { DynamicEvents, type EventLine } from "../../../../src/services/journal/DynamicEvents.ts"
import { runs } from "../../../support/runs.ts"

/** Returns events of these streams, one after the other in a file; each stream begins at some revision. */
const linesOf = (streams: ReadonlyArray<number>): { readonly rows: Array<EventLine>; readonly file: Buffer } => {
  const next = new Map<string, number>()
  const lines: Array<Buffer> = []
  let offset = 100
  const rows = streams.map((number, position) => {
    const stream = `order-${number}`
    const revision = next.get(stream) ?? number * 3
    next.set(stream, revision + 1)
    const line = Buffer.from(`event ${position} of ${stream}`)
    lines.push(line, Buffer.from("\n"))
    const row = { stream, revision, position, idHash: position * 7, offset, length: line.length, crc: crc32(line) }
    offset += line.length + 1
    return row
  })
  return { rows, file: Buffer.concat(lines) }
}

const added = (rows: ReadonlyArray<EventLine>): DynamicEvents => {
  const events = new DynamicEvents()
  for (const row of rows) events.add(row)
  return events
}

/** Few streams with many events, or many with few. */
const streams = fc
  .record({ names: fc.constantFrom(1, 2, 5, 40, 700), count: fc.constantFrom(1, 30, 257, 600, 2100), seed: fc.nat() })
  .map(({ count, seed }) => Array.from({ length: count }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 0))
  .chain((numbers) => fc.constantFrom(1, 2, 5, 40, 700).map((names) => numbers.map((number) => number % names)))

describe("the events of a dynamic segment", () => {
  it("are found by stream, from any of their events on, and by their place in the file", () => {
    const asked = fc.record({ from: fc.nat({ max: 2200 }), count: fc.nat({ max: 600 }), which: fc.nat() })
    fc.assert(
      fc.property(streams, fc.array(asked, { minLength: 1, maxLength: 10 }), (numbers, questions) => {
        const { rows } = linesOf(numbers)
        const events = added(rows)
        assert.strictEqual(events.count, rows.length)
        for (const { count, from, which } of questions) {
          const { offset, stream } = rows[which % rows.length]!
          const all = rows.filter((row) => row.stream === stream)
          assert.deepStrictEqual(events.rowsOf(stream, from, count), all.slice(from, from + count))
          assert.deepStrictEqual(events.stream(stream), { firstRevision: all[0]!.revision, count: all.length })
          assert.strictEqual(events.lastRevision(stream), all.at(-1)!.revision)
          assert.deepStrictEqual(events.row(events.rowAt(offset)), rows[which % rows.length])
        }
        assert.deepStrictEqual(events.rowsOf("other-1", 0, 10), [])
        assert.isUndefined(events.stream("other-1"))
      }),
      { numRuns: Math.ceil(runs / 4) }
    )
  })

  it("are the same whether they are read while more are added, or at the end", () => {
    const { rows } = linesOf(Array.from({ length: 1500 }, (_, i) => i % 3))
    const events = new DynamicEvents()
    const seen: Array<EventLine> = []
    for (const row of rows) {
      events.add(row)
      if (row.position % 50 === 49) seen.push(...events.rowsOf("order-1", seen.length, 40))
    }
    assert.deepStrictEqual(seen, events.rowsOf("order-1", 0, seen.length))
    assert.strictEqual(seen.length, 500)
  })

  it("have the CRC of their concatenated lines", () => {
    const { file, rows } = linesOf([0, 1, 0, 2, 1, 0])
    const events = added(rows)
    assert.strictEqual(events.crcOf(0, rows.length), crc32(file))
    const [from, to] = [rows[2]!.offset - rows[0]!.offset, rows[4]!.offset - rows[0]!.offset]
    assert.strictEqual(events.crcOf(2, 2), crc32(file.subarray(from, to)))
    assert.strictEqual(events.crcOf(3, 0), 0)
  })

  it("refuse a gap in a stream", () => {
    const { rows } = linesOf([0, 0])
    const events = added(rows.slice(0, 1))
    assert.throws(
      () => events.add({ ...rows[1]!, revision: rows[1]!.revision + 1 }),
      /revisions of a stream are consecutive/
    )
  })
})
