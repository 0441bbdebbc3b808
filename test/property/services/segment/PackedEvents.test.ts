/** Events are found through the index of a compressed segment in the same way as through that of a plain one. */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Event from "../../../../src/domain/event/Event.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { findById, filesOf, sourceAt } from "../../../../src/services/streams/StreamSources.ts"
import { open, pack, packings, run } from "../../../support/packedTape.ts"
import { text } from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"

const event = fc.record({ stream: fc.nat(5), note: text, bytes: fc.oneof(fc.nat(50), fc.nat(50_000)) })

/**
 * Returns the lines of these events, some to a segment; revisions and positions continue from one segment to the next.
 */
const linesOf = (events: ReadonlyArray<{ readonly stream: number; readonly note: string; readonly bytes: number }>) => {
  const revisions = new Map<number, number>()
  return events.map(({ stream, note, bytes }, position) => {
    const revision = revisions.get(stream) ?? 0
    revisions.set(stream, revision + 1)
    return TaraSON.toBytes(
      TaraSON.encode({
        $type: "Happened",
        data: { note, padding: "p".repeat(bytes) },
        id: `id-${position}`,
        metadata: {},
        position,
        revision,
        stream: `order-${stream}`,
        tags: [],
        time: "2026-01-01T00:00:00.000Z"
      })
    )
  })
}

describe.each(packings)("events in segments with compression $compression and dedup $dedup", (packing) => {
  it(
    "are found by stream, revision and id",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(event, { minLength: 2, maxLength: 80 }), fc.nat(), (events, cut) =>
          run(
            Effect.gen(function* () {
              const opened = yield* open("write", "events")
              const { lib, tape } = opened
              const lines = linesOf(events)
              const middle = 1 + (cut % (lines.length - 1))
              for (const part of [lines.slice(0, middle), lines.slice(middle)]) {
                const { segment } = yield* pack(opened, part, packing, "events")
                assert.isUndefined(segment.same)
              }
              const all = lines.map((line) => Event.decodeLine(line))
              for (const stream of ["order-0", "order-1", "order-2", "order-3", "order-4", "order-5", "order-6"]) {
                const found: Array<Event.RecordedEvent> = []
                for (const place of filesOf(lib, tape)) {
                  const source = yield* sourceAt(lib, tape, place, stream)
                  if (source === undefined) continue
                  assert.strictEqual(source.firstRevision, found.length)
                  const half = source.count >>> 1
                  found.push(...(yield* source.read(0, half)), ...(yield* source.read(half, source.count - half)))
                }
                assert.deepStrictEqual(
                  found,
                  all.filter((one) => one.stream === stream)
                )
              }
              for (const one of all) assert.deepStrictEqual(yield* findById(lib, tape, one.stream, one.id), one)
              assert.isUndefined(yield* findById(lib, tape, "order-0", "id-x"))
            })
          )
        ),
        { numRuns: runs }
      )
    },
    60_000 + 1000 * runs
  )
})
