import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { matches, type Query } from "../../../../src/domain/event/Query.ts"
import { type RecentEvent, RecentEvents } from "../../../../src/services/streams/RecentEvents.ts"

const tag = fc.constantFrom("a", "b", "c", "rare")
const type = fc.constantFrom("A", "B", "C")

const item = fc.oneof(
  fc.record({ types: fc.array(type, { minLength: 1, maxLength: 2 }) }),
  fc.record({ tags: fc.array(tag, { minLength: 1, maxLength: 2 }) }),
  fc.record({
    types: fc.array(type, { minLength: 1, maxLength: 2 }),
    tags: fc.array(tag, { minLength: 1, maxLength: 3 })
  })
)

const query: fc.Arbitrary<Query> = fc.oneof(fc.constant("all" as const), fc.array(item, { minLength: 1, maxLength: 3 }))

const eventAt = (position: number, tags: ReadonlyArray<string>, text = "A"): RecentEvent => ({
  stream: "s",
  type: text,
  tags,
  revision: position,
  position
})

describe("the events of late", () => {
  it("find the first that matches, as a look at each of them does", () => {
    const events = fc.array(fc.tuple(type, fc.array(tag, { maxLength: 4 })), { maxLength: 60 })
    const property = fc.property(events, query, fc.nat(1000), fc.nat(70), (given, wanted, start, ahead) => {
      const recent = new RecentEvents()
      recent.beginAt(start)
      const all = given.map(([text, tags], n) => eventAt(start + n, tags, text))
      for (const event of all) recent.add(event)
      const from = start + ahead
      const expected = all.find((event) => event.position >= from && matches(wanted, event))
      assert.deepStrictEqual(recent.first(wanted, from), expected)
    })
    fc.assert(property)
  })

  it("keep at least 8,192 events and at most twice as many, and say where they begin", () => {
    const recent = new RecentEvents()
    assert.strictEqual(recent.start, undefined)
    recent.beginAt(5)
    recent.beginAt(9)
    for (let position = 5; position < 40_000; position++) {
      recent.add(eventAt(position, [`n:${position}`, "x"]))
      const kept = position + 1 - recent.start!
      assert.isTrue(kept >= Math.min(position - 4, 8192) && kept <= 16_384)
    }
    const start = recent.start!
    for (const position of [start, start + 8191, start + 8192, 39_999]) {
      assert.strictEqual(recent.first([{ tags: [`n:${position}`, "x"] }], start)?.position, position)
      assert.strictEqual(recent.first([{ tags: ["x"] }], position)?.position, position)
      assert.strictEqual(recent.first([{ tags: [`n:${position}`] }], position + 1), undefined)
    }
  })

  it("keep fewer if their texts are long", () => {
    const recent = new RecentEvents()
    recent.beginAt(0)
    for (let position = 0; position < 100; position++) recent.add(eventAt(position, ["x".repeat(100_000)]))
    assert.isTrue(recent.start! >= 75 && recent.start! <= 95, `${recent.start}`)
  })
})
