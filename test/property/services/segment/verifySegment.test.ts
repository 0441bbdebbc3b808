import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Event from "../../../../src/domain/event/Event.ts"
import { hashId } from "../../../../src/domain/base/Hash53.ts"
import * as Merkle from "../../../../src/domain/merkle/Merkle.ts"
import type { Role, Segment } from "../../../../src/domain/meta/SystemRecord.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { readChecked } from "../../../../src/services/segment/readChecked.ts"
import { keyOfEvent } from "../../../../src/domain/event/eventKeys.ts"
import { EventOrder } from "../../../../src/domain/event/EventOrder.ts"
import { buildIndex } from "../../../../src/services/segment/SegmentIndexFile.ts"
import { verifySegment } from "../../../../src/services/segment/verifySegment.ts"
import { install, open, type Opened, pack, packings, run, seal, tapeName } from "../../../support/packedTape.ts"
import { lines as anyLines, text } from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"

const plain = packings.filter(({ dedup }) => !dedup)
const timeout = 60_000 + 1000 * runs

/** Installs lines as a segment with a correct description in meta, whatever the lines are. */
const packAny = (opened: Opened, lines: ReadonlyArray<Uint8Array>, packing: (typeof plain)[number]) =>
  Effect.gen(function* () {
    const before = opened.tape.state.segments.at(-1)?.merkle ?? Merkle.empty
    const { file, sealed } = yield* seal(lines, { ...packing, role: "records", before })
    const { index: _, ...described } = sealed
    return yield* install(opened, file, described, packing.compression)
  })

/** Proves a segment as verify does, by the fast path only. */
const prove = Effect.fnUntraced(function* (
  { lib }: Opened,
  role: Role,
  segment: Segment,
  before: Merkle.State,
  order: EventOrder
) {
  const proved = yield* verifySegment(lib.segments, tapeName, role, segment, before)
  return proved !== undefined && order.addRun(proved.events) ? proved.index : undefined
})

/** The reference for a proof: each line is parsed and printed again. */
const look = ({ lib }: Opened, role: Role, segment: Segment, before: Merkle.State, order: EventOrder) =>
  readChecked(lib.segments, tapeName, role, segment, before, (record) => {
    if (role === "events") order.add(Event.fromRecord(record))
  })

const lineOf = (revision: number, position: number, stream: string, note: string) =>
  TaraSON.toBytes(
    TaraSON.encode({
      $type: "Happened",
      data: { note },
      id: `id-${position}`,
      metadata: {},
      position,
      revision,
      stream,
      tags: [note],
      time: "2026-01-01T00:00:00.000Z"
    })
  )

const event = fc.record({ stream: fc.constantFrom("order-1", "order-2", "größe-1", 'q"-1'), note: text })

const eventLines = fc.array(event, { minLength: 1, maxLength: 40 }).map((events) => {
  const revisions = new Map<string, number>()
  return events.map(({ note, stream }, position) => {
    const revision = revisions.get(stream) ?? 0
    revisions.set(stream, revision + 1)
    return lineOf(revision, position, stream, note)
  })
})

/** Changes that keep lines whole: a changed byte, a removed, a swapped or a repeated line. */
const change = fc.record({
  kind: fc.constantFrom("byte", "remove", "swap", "repeat"),
  line: fc.nat(),
  at: fc.nat(),
  byte: fc.oneof(fc.constantFrom(...Buffer.from('{}[]",:\\ 0129e-a')), fc.integer({ min: 0x0b, max: 0xff }))
})

const changed = (
  given: ReadonlyArray<Uint8Array>,
  { at, byte, kind, line }: { kind: string; line: number; at: number; byte: number }
): Array<Uint8Array> => {
  const lines = given.map((one) => Uint8Array.from(one))
  const n = line % lines.length
  if (kind === "byte") lines[n]![at % lines[n]!.length] = byte
  if (kind === "remove" && lines.length > 1) lines.splice(n, 1)
  if (kind === "swap") lines.splice(n, 2, ...lines.slice(n, n + 2).toReversed())
  if (kind === "repeat") lines.splice(n, 0, lines[n]!)
  return lines
}

describe("the key of an event", () => {
  it("equals the key of its parsed line", () =>
    fc.assert(
      fc.property(eventLines, (lines) => {
        for (const line of lines) {
          const { id, position, revision, stream } = Event.decodeLine(line)
          assert.deepStrictEqual(keyOfEvent(line), { stream, revision, position, idHash: hashId(stream, id) })
        }
      }),
      { numRuns: runs }
    ))
})

describe.each(plain)("a segment with compression $compression", (packing) => {
  it(
    "is proved together with its index if it is intact",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom<Role>("records", "events"), anyLines, eventLines, (role, records, events) =>
          run(
            Effect.gen(function* () {
              const opened = yield* open("write", role)
              const given = role === "events" ? events : records
              const order = new EventOrder()
              let before = Merkle.empty
              for (const part of [given.slice(0, 7), given.slice(7)]) {
                if (part.length === 0) continue
                const { sealed, segment } = yield* pack(opened, part, packing, role)
                const index = yield* prove(opened, role, segment, before, order)
                assert.deepStrictEqual(index, sealed.index)
                before = segment.merkle
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
    "is proved only if every line is intact and in its place",
    async () => {
      const given = fc.oneof(
        fc.tuple(fc.constant<Role>("records"), anyLines),
        fc.tuple(fc.constant<Role>("events"), eventLines)
      )
      await fc.assert(
        fc.asyncProperty(given, fc.array(change, { maxLength: 2 }), fc.nat(), ([role, good], changes, cut) =>
          run(
            Effect.gen(function* () {
              const opened = yield* open("write", role)
              const lines = changes.reduce(changed, [...good])
              const middle = cut % lines.length
              const fast = new EventOrder()
              const slow = new EventOrder()
              let before = Merkle.empty
              for (const part of [lines.slice(0, middle), lines.slice(middle)]) {
                if (part.length === 0) continue
                const segment = yield* packAny(opened, part, packing)
                const proved = yield* prove(opened, role, segment, before, fast)
                const looked = yield* Effect.result(look(opened, role, segment, before, slow))
                const built = yield* Effect.result(buildIndex(opened.lib.segments, tapeName, role, segment))
                assert.strictEqual(
                  proved !== undefined,
                  looked._tag === "Success" && built._tag === "Success",
                  Buffer.concat(part).toString()
                )
                if (proved === undefined) return
                assert.deepStrictEqual(built, Result.succeed(proved))
                before = segment.merkle
              }
            })
          )
        ),
        { numRuns: runs * 2 }
      )
    },
    timeout
  )

  it(
    "is not proved if a byte of its file differs, or if meta describes it differently",
    async () => {
      await fc.assert(
        fc.asyncProperty(eventLines, fc.nat(), fc.integer({ min: 1, max: 255 }), (lines, at, flip) =>
          run(
            Effect.gen(function* () {
              const opened = yield* open("write", "events")
              const { lib, tape } = opened
              const { file, segment } = yield* pack(opened, lines, packing, "events")
              const others: ReadonlyArray<Partial<Segment>> = [
                { bytes: segment.bytes + 1 },
                { rawBytes: segment.rawBytes + 1 },
                { records: segment.records + 1 },
                { sha256: "0".repeat(64) },
                { merkle: { size: segment.merkle.size, peaks: segment.merkle.peaks.map(() => "0".repeat(64)) } },
                { same: 1 }
              ]
              for (const other of others) {
                const said = { ...segment, ...other }
                assert.isUndefined(yield* verifySegment(lib.segments, tape.name, "events", said, Merkle.empty))
              }
              const damaged = Uint8Array.from(file)
              damaged[at % file.length]! ^= flip
              yield* lib.root.segments.write(tape.name, segment.name, (append) => append(damaged))
              assert.isUndefined(yield* verifySegment(lib.segments, tape.name, "events", segment, Merkle.empty))
            })
          )
        ),
        { numRuns: runs }
      )
    },
    timeout
  )
})
