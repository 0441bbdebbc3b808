/** A group of requests that becomes one batch: the ordinals and positions that it gives, and what it publishes. */
import * as fc from "fast-check"
import { crc32 } from "node:zlib"
import { assert, describe, it } from "vitest"
import { hashId } from "../../../../src/domain/base/Hash53.ts"
import * as Event from "../../../../src/domain/event/Event.ts"
import { defaultLimits } from "../../../../src/domain/format/Limits.ts"
import * as DynamicSegment from "../../../../src/domain/journal/DynamicSegment.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import type { Anchor } from "../../../../src/domain/meta/SystemRecord.ts"
import { DynamicFile } from "../../../../src/services/journal/DynamicFile.ts"
import { Journal } from "../../../../src/services/journal/Journal.ts"
import type { OpenTape } from "../../../../src/services/lib/OpenTape.ts"
import { CommitGroup } from "../../../../src/services/write/CommitGroup.ts"
import { record, text } from "../../../support/arbitraries.ts"
import { bareTape } from "../../../support/openTapes.ts"
import { runs } from "../../../support/runs.ts"
import { hex, uuid } from "../../../support/systemRecords.ts"

const before: Anchor = { batch: 16, hash: hex(7), position: 1000 }

/** A file as its writer has it, with `size` bytes before the next batch. */
const fileOf = (size: number) => new DynamicFile({ dynamic: 3, size, anchor: before })

const encoded = (stream: string, id: string, data: unknown = null) =>
  Event.encode(stream, { type: "Noted", data, id }, 0, () => id, "2026-01-02T03:04:05.678Z", defaultLimits)

/** The request of a caller: records to tape 1, or events to tapes 2 and 3. */
type Call =
  | { readonly kind: "record"; readonly record: TaraSON.JsonObject }
  | { readonly kind: "event"; readonly tape: number; readonly stream: string; readonly data: string }

const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ kind: fc.constant("record" as const), record }),
  fc.record({
    kind: fc.constant("event" as const),
    tape: fc.integer({ min: 2, max: 3 }),
    stream: fc.constantFrom("order-1", "order-2"),
    data: text
  })
)

interface Added {
  readonly tape: OpenTape
  readonly ordinal?: number
  readonly stream?: string
  readonly id?: string
  readonly revision?: number
  readonly position?: number
}

/** Adds all calls to a group; the tapes have 10, 20 and 30 records in segments. */
const addAll = (group: CommitGroup, calls: ReadonlyArray<Call>) => {
  const tapes = [1, 2, 3].map((n) => bareTape(uuid(n), 10 * n))
  const next = new Map<string, number>()
  const added = calls.map((call, nth): Added => {
    if (call.kind === "record") {
      const tape = tapes[0]!
      return { tape, ordinal: group.addRecord(tape, TaraSON.encode(call.record)) }
    }
    const tape = tapes[call.tape - 1]!
    const stream = `${call.stream}-of-${call.tape}`
    const revision = next.get(stream) ?? 40
    next.set(stream, revision + 1)
    const id = `id-${nth}`
    return {
      tape,
      stream,
      id,
      revision,
      position: group.addEvent(tape, stream, revision, encoded(stream, id, call.data))
    }
  })
  return { tapes, added }
}

const header = DynamicSegment.headerLine({ dynamic: 3, epoch: 2, lib: uuid(9) })

describe("a commit group", () => {
  it("gives each tape's records the next ordinals and all events the next positions, in the order of the calls", () => {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 30 }), (calls) => {
        const group = new CommitGroup(before, Buffer.alloc(64))
        const { added, tapes } = addAll(group, calls)
        const ordinals = added.flatMap(({ ordinal }) => (ordinal === undefined ? [] : [ordinal]))
        assert.deepStrictEqual(
          ordinals,
          ordinals.map((_, nth) => 10 + nth)
        )
        const positions = added.flatMap(({ position }) => (position === undefined ? [] : [position]))
        assert.deepStrictEqual(
          positions,
          positions.map((_, nth) => 1000 + nth)
        )
        assert.strictEqual(group.isEmpty, calls.length === 0)
        // Nothing of it is visible before it is durable.
        for (const [nth, tape] of tapes.entries()) assert.strictEqual(tape.records, 10 * (nth + 1))
      }),
      { numRuns: runs }
    )
  })

  it("becomes one batch that follows the anchor and has as many bytes of lines as the group counted", () => {
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 30 }), (calls) => {
        const group = new CommitGroup(before, Buffer.alloc(64))
        const { added } = addAll(group, calls)
        const counted = group.bytes
        const sealed = group.finish()
        assert.strictEqual(sealed.linesBytes, counted)
        const scan = DynamicSegment.scan(Buffer.concat([header, sealed.bytes]), before, undefined)
        assert.isUndefined(scan.damage)
        const [batch, ...others] = scan.batches
        assert.deepStrictEqual(others, [])
        assert.deepInclude(batch, { batch: 17, position: 1000, hash: sealed.hash })
        const counts = Map.groupBy(added, ({ tape }) => tape)
        assert.deepStrictEqual(
          batch!.parts.map(({ tape, firstOrdinal, count }) => [tape, firstOrdinal, count]),
          [...counts].map(([tape, its]) => [tape.id, tape.records, its.length])
        )
      }),
      { numRuns: runs }
    )
  })

  it("publishes its records, its events and the new anchor once it is durable", () => {
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 30 }), (calls) => {
        const group = new CommitGroup(before, Buffer.alloc(64))
        const { added, tapes } = addAll(group, calls)
        const file = fileOf(header.length)
        const sealed = group.finish()
        const bytes = Buffer.concat([header, sealed.bytes])
        const events = added.filter(({ position }) => position !== undefined)
        const journal = new Journal([file], before)
        group.publish(journal, sealed)
        const { durable: anchor } = journal
        assert.deepStrictEqual(anchor, { batch: 17, hash: sealed.hash, position: 1000 + events.length })
        assert.strictEqual(file.anchor, anchor)
        assert.strictEqual(file.size, bytes.length)
        for (const [nth, tape] of tapes.entries()) {
          const its = added.filter((one) => one.tape === tape)
          assert.strictEqual(tape.records, 10 * (nth + 1) + its.length)
          assert.deepStrictEqual(file.parts.get(tape.id) ?? [], tape.parts)
          for (const part of tape.parts) {
            assert.deepInclude(part, { file, batch: 17, count: its.length, endPosition: anchor.position })
            assert.strictEqual(part.crc, crc32(bytes.subarray(part.offset, part.offset + part.bytes)))
          }
        }
        // Rows ascend like the lines in the file, and each row points to its event.
        assert.strictEqual(file.events?.count ?? 0, events.length)
        const rows = events.map((_, row) => file.events!.row(row))
        let end = 0
        for (const { offset, length, crc, ...row } of rows) {
          assert.isAtLeast(offset, end)
          end = offset + length + 1
          const line = bytes.subarray(offset, offset + length)
          assert.strictEqual(crc, crc32(line))
          const { stream, revision, position, id } = Event.decodeLine(line)
          assert.deepStrictEqual({ ...row }, { stream, revision, position, idHash: hashId(stream, id) })
        }
        assert.sameDeepMembers(
          rows.map(({ stream, revision, position }) => ({ stream, revision, position })),
          events.map(({ stream, revision, position }) => ({ stream, revision, position }))
        )
      }),
      { numRuns: runs }
    )
  })

  it("is published after the earlier batches of its file and its tape", () => {
    const file = fileOf(500)
    const tape = bareTape(uuid(1), 3)
    const journal = new Journal([file], file.anchor)
    const anchors: Array<Anchor> = []
    for (const [nth, texts] of [['{"a":1}', '{"b":2}'], ['{"c":3}']].entries()) {
      const group = new CommitGroup(file.anchor, Buffer.alloc(16))
      const ordinals = texts.map((text) => group.addRecord(tape, text))
      assert.deepStrictEqual(ordinals, nth === 0 ? [3, 4] : [5])
      group.publish(journal, group.finish())
      anchors.push(journal.durable)
    }
    assert.deepStrictEqual(
      anchors.map(({ batch, position }) => [batch, position]),
      [
        [17, 1000],
        [18, 1000]
      ]
    )
    assert.strictEqual(tape.records, 6)
    const [first, second] = tape.parts
    assert.deepInclude(first, { batch: 17, firstOrdinal: 3, count: 2, offset: 500, bytes: 16 })
    assert.deepInclude(second, { batch: 18, firstOrdinal: 5, count: 1, bytes: 8 })
    assert.isAbove(second!.offset, first!.offset + first!.bytes)
    assert.isUndefined(file.events)
  })

  it("is empty, and has no bytes, until something is added", () => {
    const group = new CommitGroup(before, Buffer.alloc(16))
    assert.deepStrictEqual([group.isEmpty, group.bytes, group.batch], [true, 0, 17])
    group.addRecord(bareTape(uuid(1)), "{}")
    assert.deepStrictEqual([group.isEmpty, group.bytes], [false, 3])
  })

  it("writes into the given buffer if that is large enough", () => {
    const buffer = Buffer.alloc(4096)
    const group = new CommitGroup(before, buffer)
    group.addRecord(bareTape(uuid(1)), '{"a":1}')
    assert.strictEqual(group.finish().bytes.buffer, buffer.buffer)
    const small = new CommitGroup(before, Buffer.alloc(4))
    small.addRecord(bareTape(uuid(1)), '{"a":1}')
    assert.isAbove(small.finish().bytes.length, 4)
  })
})
