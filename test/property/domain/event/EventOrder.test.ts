import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { RecordedEvent } from "../../../../src/domain/event/Event.ts"
import type { EventsSummary } from "../../../../src/domain/event/EventRun.ts"
import { EventOrder } from "../../../../src/domain/event/EventOrder.ts"
import { runs } from "../../../support/runs.ts"

const eventOf = (stream: string, revision: number, position: number): RecordedEvent => ({
  type: "Noted",
  data: null,
  id: `${position}`,
  metadata: {},
  tags: [],
  stream,
  revision,
  position,
  time: ""
})

/** Returns the summary of a segment's events, as a reader computes it. */
const summaryOf = (events: ReadonlyArray<RecordedEvent>): EventsSummary => {
  const streams = Map.groupBy(events, ({ stream }) => stream)
  return {
    firstPosition: events.at(0)?.position ?? -1,
    lastPosition: events.at(-1)?.position ?? -1,
    streams: [...streams].map(([stream, its]) => ({
      stream,
      firstRevision: its.at(0)!.revision,
      lastRevision: its.at(-1)!.revision
    }))
  }
}

const replayed = (log: ReadonlyArray<RecordedEvent | "lose">): EventOrder => {
  const order = new EventOrder()
  for (const one of log) {
    if (one === "lose") order.lose()
    else order.add(one)
  }
  return order
}

const orderAfter = (...events: ReadonlyArray<RecordedEvent>) => replayed(events)

const accepts = (order: EventOrder, event: RecordedEvent): boolean => {
  try {
    order.add(event)
    return true
  } catch {
    return false
  }
}

/** Segments of events over three streams, in order, except that a revision or a position may be shifted. */
const segments = fc
  .array(
    fc.array(
      fc.record({
        stream: fc.constantFrom("a-1", "a-2", "b-1"),
        gap: fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, fc.integer({ min: -3, max: 3 })),
        off: fc.oneof({ weight: 40, arbitrary: fc.constant(0) }, fc.integer({ min: -2, max: 2 }))
      }),
      { maxLength: 6 }
    ),
    { maxLength: 6 }
  )
  .map((all) => {
    const next = new Map<string, number>()
    let position = 0
    return all.map((events) =>
      events.map(({ stream, gap, off }) => {
        const revision = (next.get(stream) ?? 0) + off
        next.set(stream, revision + 1)
        position += 1 + gap
        return eventOf(stream, revision, position)
      })
    )
  })

/** Returns whether a segment is in order by itself, wherever its streams and its positions begin. */
const isRun = (events: ReadonlyArray<RecordedEvent>): boolean => {
  const order = new EventOrder()
  order.lose()
  return events.every((event) => accepts(order, event))
}

describe("the order of events", () => {
  it("requires positions that ascend, with gaps or without, and revisions of each stream from 0 without gaps", () => {
    const order = orderAfter(eventOf("a", 0, 0), eventOf("b", 0, 1), eventOf("a", 1, 7))
    assert.throws(() => order.add(eventOf("c", 0, 7)), "position 7 comes after position 7")
    assert.throws(() => order.add(eventOf("c", 0, 3)), "position 3 comes after position 7")
    assert.throws(() => order.add(eventOf("a", 1, 8)), "a stream has revision 1 where 2 belongs")
    assert.throws(() => order.add(eventOf("a", 3, 8)), "a stream has revision 3 where 2 belongs")
    assert.throws(() => order.add(eventOf("c", 1, 8)), "a stream has revision 1 where 0 belongs")
  })

  it("is unchanged after a refused event", () => {
    const order = orderAfter(eventOf("a", 0, 0))
    for (const refused of [eventOf("a", 1, 0), eventOf("a", 5, 1), eventOf("b", 1, 9)]) {
      assert.isFalse(accepts(order, refused))
    }
    order.add(eventOf("a", 1, 1))
    order.add(eventOf("b", 0, 2))
  })

  it("refuses records that are not events", () => {
    const event = eventOf("a", 0, 0)
    for (const change of [
      { stream: undefined },
      { stream: 1 },
      { revision: "0" },
      { revision: 0.5 },
      { revision: 2 ** 53 },
      { position: undefined },
      { position: Number.NaN }
    ]) {
      const record = { ...event, ...change } as unknown as RecordedEvent
      assert.throws(() => new EventOrder().add(record), "a record that is not an event")
    }
  })

  it("accepts any revision of a stream after a lost segment, and then only the next one", () => {
    const order = orderAfter(eventOf("a", 0, 0), eventOf("b", 0, 1))
    order.lose()
    assert.throws(() => order.add(eventOf("a", 9, 1)), "position 1 comes after position 1")
    order.add(eventOf("a", 9, 5))
    assert.throws(() => order.add(eventOf("a", 9, 6)), "a stream has revision 9 where 10 belongs")
    order.add(eventOf("a", 10, 6))
    order.add(eventOf("new", 3, 7))
  })

  it("accepts a whole segment exactly if it accepts its events one by one, and refuses others without a change", () => {
    fc.assert(
      fc.property(segments, fc.nat(8), (all, lost) => {
        const order = new EventOrder()
        const log: Array<RecordedEvent | "lose"> = []
        for (const [nth, events] of all.entries()) {
          if (nth === lost) {
            order.lose()
            log.push("lose")
          }
          if (!isRun(events)) continue
          const single = replayed(log)
          const expected = events.every((event) => accepts(single, event))
          assert.strictEqual(order.addRun(summaryOf(events)), expected)
          if (expected) log.push(...events)
        }
        const single = replayed(log)
        let position = 1000
        for (const stream of ["a-1", "a-2", "b-1"]) {
          for (let revision = 0; revision < 40; revision++) {
            const next = eventOf(stream, revision, position++)
            assert.strictEqual(accepts(order, next), accepts(single, next), `${stream} at ${revision}`)
          }
        }
      }),
      { numRuns: runs }
    )
  })

  it("is unchanged by a segment without events", () => {
    const order = orderAfter(eventOf("a", 0, 4))
    assert.isTrue(order.addRun(summaryOf([])))
    assert.isFalse(order.addRun(summaryOf([eventOf("a", 1, 4)])))
    assert.isTrue(order.addRun(summaryOf([eventOf("a", 1, 5), eventOf("a", 2, 6)])))
    assert.throws(() => order.add(eventOf("a", 2, 7)), "where 3 belongs")
  })
})
