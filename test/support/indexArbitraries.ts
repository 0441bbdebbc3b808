/** Generates segments of every shape that an index describes, for properties. */
import * as fc from "fast-check"
import { hash53 } from "../../src/domain/base/Hash53.ts"
import { eventsOf, type HashStream, segmentOf } from "./indexModel.ts"

const idHash = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 2 ** 53 - 1 }), fc.constant(2 ** 53 - 1))
const lineBytes = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 2, max: 300 }) },
  fc.integer({ min: 2, max: 70_000 })
)

const hashes: ReadonlyArray<HashStream> = [
  hash53,
  () => 0,
  () => 2 ** 53 - 1,
  (stream) => hash53(stream) % 3,
  (stream) => 2 ** 52 + (hash53(stream) % 50)
]

const anyEvents = fc
  .record({
    streams: fc.constantFrom(1, 3, 40, 1000),
    events: fc.array(
      fc.record({ stream: fc.nat(), gap: fc.oneof(fc.constant(0), fc.nat(50)), idHash, bytes: lineBytes }),
      {
        maxLength: 700,
        size: "max"
      }
    ),
    firstRevision: fc.nat(9),
    hashStream: fc.constantFrom(...hashes)
  })
  .map(({ streams, events, firstRevision, hashStream }) =>
    segmentOf(
      "events",
      eventsOf(
        events.map((event) => ({ ...event, stream: `order-${event.stream % streams}` })),
        firstRevision
      ),
      hashStream
    )
  )

/** Segments of events. Shrinking is limited, because it would take many minutes with segments of this size. */
export const events = fc.limitShrink(anyEvents, 1000)

/** Segments of records, some of them as long as a block. */
export const records = fc
  .array(fc.oneof(lineBytes, fc.constantFrom(1, 65_534, 65_535, 65_536)), { maxLength: 400, size: "max" })
  .map((lengths) =>
    segmentOf(
      "records",
      lengths.map((length, i) => ({ bytes: Buffer.alloc(length, 0x61 + (i % 26)) }))
    )
  )
