import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Event from "../../../../src/domain/event/Event.ts"
import { defaultLimits } from "../../../../src/domain/format/Limits.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { generators, text } from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"
import { lineOf } from "../../../support/eventLine.ts"

const time = "2025-01-02T03:04:05.678Z"

const encode = (event: Event.NewEvent, name = "order-17", limits = defaultLimits) =>
  Event.encode(name, event, 3, () => "made", time, limits)

const short = text.filter((value) => value !== "" && Buffer.byteLength(value) <= 256)

const number = fc.oneof(fc.nat({ max: 20 }), fc.maxSafeNat())

describe("an event's line", () => {
  it("is the canonical form of its record, for any event", () => {
    fc.assert(
      fc.property(generators.event, short, number, number, (event, name, position, revision) => {
        const encoded = encode(event, name)
        const line = lineOf(encoded, position, revision)
        const record = {
          $type: event.type,
          data: event.data ?? null,
          id: event.id ?? "made",
          metadata: event.metadata ?? {},
          position,
          revision,
          stream: name,
          tags: event.tags ?? [],
          time
        }
        assert.strictEqual(line, TaraSON.encode(record))
        assert.isAtMost(Buffer.byteLength(line) + 1, encoded.bytesMax)
      }),
      { numRuns: runs }
    )
  })

  it("is complete if its buffer has to grow meanwhile, and up to exactly the largest size", () => {
    const event = { type: "Large", data: ["d".repeat(70_000), "é"], metadata: { m: "é☃".repeat(50_000) }, tags: ["t"] }
    const line = lineOf(encode(event), 1, 2)
    const { data, metadata, tags, type: $type } = event
    const record = { $type, data, id: "made", metadata, position: 1, revision: 2, stream: "order-17", tags, time }
    assert.strictEqual(line, TaraSON.encode(record))
    const { bytesMax } = encode(event)
    const within = (recordBytesMax: number) => () => encode(event, "order-17", { ...defaultLimits, recordBytesMax })
    assert.doesNotThrow(within(bytesMax))
    assert.throws(within(bytesMax - 1), /RecordTooLarge/)
    const small = { $type: "Small", data: null, id: "made", metadata: {}, position: 0, revision: 0, stream: "order-17" }
    assert.strictEqual(lineOf(encode({ type: "Small" }), 0, 0), TaraSON.encode({ ...small, tags: [], time }))
  })

  it("is independent of events that are encoded in between", () => {
    const sized = fc
      .tuple(generators.event, fc.oneof(fc.constant(0), fc.nat({ max: 20_000 })))
      .map(([event, bytes]) => ({
        ...event,
        metadata: { padding: "x".repeat(bytes) }
      }))
    fc.assert(
      fc.property(fc.array(sized, { minLength: 1, maxLength: 40 }), (events) => {
        const all = events.map((event, at) => ({ encoded: encode(event, `order-${at}`), event, at }))
        for (const { at, encoded, event } of all) {
          const { id, metadata, stream } = Event.decodeLine(Buffer.from(lineOf(encoded, at, at)))
          assert.deepStrictEqual(
            { id, metadata, stream },
            { id: event.id ?? "made", metadata: event.metadata, stream: `order-${at}` }
          )
        }
      }),
      { numRuns: Math.ceil(runs / 10) }
    )
  })

  it("decodes to the same event", () => {
    fc.assert(
      fc.property(generators.event, number, number, (event, position, revision) => {
        const encoded = encode(event)
        const recorded = Event.decodeLine(Buffer.from(lineOf(encoded, position, revision)))
        const { type, data = null, id = "made", metadata = {}, tags = [] } = event
        const shown = { type, data, id, metadata, tags }
        const canonical = (value: unknown) => TaraSON.encodeValue(value, defaultLimits)
        assert.strictEqual(canonical(recorded), canonical({ ...shown, stream: "order-17", position, revision, time }))
        assert.strictEqual(Event.content(recorded, defaultLimits), encoded.content)
      }),
      { numRuns: runs }
    )
  })

  it("has room for exactly the largest numbers", () => {
    const limit = (data: string, recordBytesMax: number) => () =>
      encode({ type: "A", data }, "order-17", { ...defaultLimits, recordBytesMax })
    const encoded = encode({ type: "A", data: "" })
    const { bytesMax } = encoded
    const longest = lineOf(encoded, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    assert.strictEqual(bytesMax, Buffer.byteLength(longest) + 1)
    assert.doesNotThrow(limit("xé", bytesMax + 3))
    assert.throws(limit("xé", bytesMax + 2), /RecordTooLarge/)
  })

  it("has at most the depth of a record", () => {
    const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) })
    assert.doesNotThrow(() => encode({ type: "A", data: deep(127), metadata: deep(127) as object as {} }))
    assert.throws(() => encode({ type: "A", data: deep(128) }), /NestingTooDeep/)
    assert.throws(() => encode({ type: "A", metadata: deep(128) as object as {} }), /NestingTooDeep/)
  })
})

describe("an event's content", () => {
  it("consists of its type, data and tags only", () => {
    const event = { type: "A", data: { a: 1, b: 2 }, id: "x", metadata: { m: 1 }, tags: ["t", "u"] }
    const { content } = encode(event)
    assert.strictEqual(encode({ ...event, id: "y", data: { b: 2, a: 1 } }, "acc-1").content, content)
    assert.strictEqual(encode({ ...event, metadata: { other: [1] } }).content, content)
    for (const other of [
      { ...event, type: "B" },
      { ...event, data: { a: 1, b: 3 } },
      { ...event, tags: ["u"] },
      { ...event, tags: ["t", "u", "v"] },
      { ...event, tags: [] }
    ]) {
      assert.isFalse(Event.isSameContent(encode(other).content, content))
      assert.isFalse(Event.isSameContent(content, encode(other).content))
    }
  })

  it("is the same with other metadata, with tags in another order, and as an earlier release stored it: with a tag twice", () => {
    // Of another event: not every key may be stored.
    const metadata = generators.event.map((event) => event.metadata ?? {})
    const order = fc.array(fc.nat({ max: 1e6 }), { maxLength: 8 })
    fc.assert(
      fc.property(generators.event, metadata, order, (event, metadata, order) => {
        const tags = event.tags ?? []
        const turned = [...tags.toReversed(), ...order.flatMap((n) => tags.slice(n % (tags.length + 1), 1 + (n % 32)))]
        const { content } = encode(event)
        const other = { ...event, metadata, tags: tags.toReversed() }
        assert.isTrue(Event.isSameContent(content, encode(other).content))
        const stored = Event.decodeLine(Buffer.from(lineOf(encode(event), 0, 0)))
        const before = Event.content({ ...stored, tags: turned.slice(0, 64) }, defaultLimits)
        assert.isTrue(Event.isSameContent(before, content))
      }),
      { numRuns: runs }
    )
  })

  it("differs for values whose concatenation is the same", () => {
    const contents = [
      { type: "A", data: "\n{}" },
      { type: "A\n", data: null },
      { type: "A", data: null, tags: ["\n"] },
      { type: "A", data: null },
      { type: "A", data: "null" }
    ].map((event) => encode(event).content)
    assert.strictEqual(new Set(contents).size, contents.length)
  })
})

describe("an event", () => {
  it.each([
    [{ type: "" }, /non-empty/],
    [{ type: "LiteTape.Meta" }, /reserved/],
    [{ type: "LiteLib.Anything" }, /reserved/],
    [{ type: "é".repeat(129) }, /256 bytes/],
    [{ type: "a\udc00" }, /well-formed/],
    [{ type: "A", id: "" }, /its id/],
    [{ type: "A", id: "é".repeat(129) }, /its id/],
    [{ type: "A", id: "\ufffe" }, /its id/],
    [{ type: "A", metadata: [] }, /metadata must be an object/],
    [{ type: "A", metadata: null }, /metadata must be an object/],
    [{ type: "A", tags: [1] }, /tags must be an array of texts/],
    [{ type: "A", tags: ["a", ""] }, /its tags\[1\] must not be empty/],
    [{ type: "A", tags: ["a", "b", "c", "b"] }, /its tags\[3\] must not repeat \[1\]/],
    [{ type: "A", tags: ["é".repeat(129)] }, /its tags\[0\] must have at most 256 bytes, not 258/],
    [
      { type: "A", tags: Array.from({ length: 65 }, (_, n) => String(n)) },
      /its tags must be an array of at most 64 texts, not of 65/
    ]
  ])("is refused with its number and the reason: %j", (event, why) => {
    const run = () => encode(event as Event.NewEvent)
    assert.throws(run, why)
    assert.throws(run, /event 3 for stream order-17/)
  })

  it("may have 64 tags, tags of 256 bytes, and tags that differ only in case, spaces or normalisation", () => {
    const several = ["a", "A", " a", "a ", "\n", "e\u0301", "é", "é".repeat(128)]
    for (const tags of [several, Array.from({ length: 64 }, (_, n) => String(n))]) {
      assert.deepStrictEqual(Event.decodeLine(Buffer.from(lineOf(encode({ type: "A", tags }), 0, 0))).tags, tags)
    }
  })

  it.each(["Lite", "LiteTape", "LiteTapeX", "liteTape.Meta", "XLiteLib.Meta"])("may be of type %s", (type) => {
    assert.strictEqual(Event.decodeLine(Buffer.from(lineOf(encode({ type }), 0, 0))).type, type)
  })
})
