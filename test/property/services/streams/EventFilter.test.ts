import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Event from "../../../../src/domain/event/Event.ts"
import { defaultLimits } from "../../../../src/domain/format/Limits.ts"
import { compile, type EventFilter } from "../../../../src/services/streams/EventFilter.ts"
import { text } from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"
import { lineOf } from "../../../support/eventLine.ts"

const encodedLine = (event: Event.NewEvent, stream = "order-17"): string =>
  lineOf(
    Event.encode(stream, event, 0, () => "id", "", defaultLimits),
    5,
    2
  )

const wants = (filter: EventFilter, event: Event.NewEvent, stream?: string): boolean => {
  const line = encodedLine(event, stream)
  const compiled = compile(filter)!
  const recorded = Event.decodeLine(Buffer.from(line))
  // What the beginning of the line rules out must not match; what it does not is parsed.
  if (compiled.matches(recorded)) assert.isTrue(compiled.mayMatch(`\n${line}\n`, 1))
  return compiled.mayMatch(`\n${line}\n`, 1) && compiled.matches(recorded)
}

describe("a filter", () => {
  it("that asks for nothing is none", () => {
    assert.isUndefined(compile(undefined))
    assert.isUndefined(compile({}))
  })

  it("wants any of its categories and types, all of its tags, and its correlation id", () => {
    const event = { type: "Placed", tags: ["a", "b"], metadata: { correlationId: "c" } }
    const all: Required<EventFilter> = {
      categories: ["acc", "order"],
      types: ["Paid", "Placed"],
      tags: ["b", "a"],
      correlationId: "c"
    }
    assert.isTrue(wants(all, event))
    for (const [key, value] of Object.entries(all)) assert.isTrue(wants({ [key]: value }, event), key)
    for (const other of [
      { categories: ["acc"] },
      { categories: ["order-17"] },
      { categories: [] },
      { types: ["Paid"] },
      { types: ["placed", "Place", "Placed "] },
      { types: [] },
      { tags: ["a", "c"] },
      { tags: ["ab"] },
      { correlationId: "" }
    ]) {
      assert.isFalse(wants({ ...all, ...other }, event), JSON.stringify(other))
      assert.isFalse(wants(other, event), JSON.stringify(other))
    }
    assert.isTrue(wants({ tags: [] }, event))
  })

  it("takes the whole name of a stream without a dash for its category", () => {
    assert.isTrue(wants({ categories: ["order"] }, { type: "A" }, "order"))
    assert.isTrue(wants({ categories: ["order"] }, { type: "A" }, "order-1-2"))
    assert.isTrue(wants({ categories: [""] }, { type: "A" }, "-1"))
    assert.isFalse(wants({ categories: ["order"] }, { type: "A" }, "orders-1"))
  })

  it("is not taken in by an event that quotes what is wanted", () => {
    const quoted = '{"$type":"Placed","data":'
    assert.isFalse(wants({ types: ["Placed"] }, { type: quoted, data: quoted }))
    assert.isFalse(wants({ types: ["Placed"] }, { type: 'Placed","data":1,"x":"', data: { $type: "Placed" } }))
    assert.isFalse(wants({ correlationId: "c" }, { type: "A", data: { correlationId: "c" } }))
    assert.isFalse(wants({ correlationId: "1" }, { type: "A", metadata: { correlationId: 1 } }))
  })

  it("finds any type by the beginning of its line, and no other", () => {
    const type = text.filter((value) => value !== "" && !value.startsWith("Lite") && Buffer.byteLength(value) <= 256)
    fc.assert(
      fc.property(type, type, (wanted, other) => {
        assert.isTrue(wants({ types: [wanted] }, { type: wanted, data: 1 }))
        const compiled = compile({ types: [wanted] })!
        assert.strictEqual(compiled.mayMatch(encodedLine({ type: other, data: 1 }), 0), wanted === other)
      }),
      { numRuns: runs }
    )
  })
})
