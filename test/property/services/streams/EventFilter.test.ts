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
  // An event that the beginning of its line excludes must not match. Other lines are parsed.
  if (compiled.matches(recorded)) assert.isTrue(compiled.mayMatch(`\n${line}\n`, 1))
  return compiled.mayMatch(`\n${line}\n`, 1) && compiled.matches(recorded)
}

describe("a filter", () => {
  it("without conditions is `undefined`", () => {
    assert.isUndefined(compile(undefined))
    assert.isUndefined(compile({}))
  })

  it("matches any of its categories and types, all of its tags, and its correlation id", () => {
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

  it("treats the whole name of a stream without a dash as its category", () => {
    assert.isTrue(wants({ categories: ["order"] }, { type: "A" }, "order"))
    assert.isTrue(wants({ categories: ["order"] }, { type: "A" }, "order-1-2"))
    assert.isTrue(wants({ categories: [""] }, { type: "A" }, "-1"))
    assert.isFalse(wants({ categories: ["order"] }, { type: "A" }, "orders-1"))
  })

  it("is not misled by an event that quotes the wanted fields", () => {
    const quoted = '{"$type":"Placed","data":'
    assert.isFalse(wants({ types: ["Placed"] }, { type: quoted, data: quoted }))
    assert.isFalse(wants({ types: ["Placed"] }, { type: 'Placed","data":1,"x":"', data: { $type: "Placed" } }))
    assert.isFalse(wants({ correlationId: "c" }, { type: "A", data: { correlationId: "c" } }))
    assert.isFalse(wants({ correlationId: "1" }, { type: "A", metadata: { correlationId: 1 } }))
  })

  it("matches exactly its types by the beginning of a line", () => {
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
