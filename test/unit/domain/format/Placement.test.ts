import * as Result from "effect/Result"
import { hash } from "node:crypto"
import { assert, describe, it } from "vitest"
import { reader } from "../../../../src/domain/base/readShape.ts"
import { checkTapeName, encodeTapeName } from "../../../../src/domain/format/Names.ts"
import * as Placement from "../../../../src/domain/format/Placement.ts"

const read = reader(Placement.Placement)
const decode = (value: unknown) => Result.getOrThrow(read(value))

describe("Placement", () => {
  it("is one of five kinds, and hashed over 1 to 1024 tapes", () => {
    const valid = [
      { kind: "category-or-shared" },
      { kind: "category" },
      { kind: "stream" },
      { kind: "single" },
      { kind: "hashed", tapes: 1 },
      { kind: "hashed", tapes: 1024 }
    ]
    for (const placement of valid) assert.deepStrictEqual<unknown>(decode(placement), placement)
    for (const tapes of [0, -1, 1025, 1.5, "4", undefined]) assert.throws(() => decode({ kind: "hashed", tapes }))
    for (const other of [{ kind: "other" }, {}, "category", null]) assert.throws(() => decode(other))
  })

  it.each([
    ["order-17", "order"],
    ["order-17-3", "order"],
    ["order", "order"],
    ["-17", ""],
    ["é-1", "é"]
  ])("assigns stream %j to category %j", (stream, category) => {
    assert.strictEqual(Placement.category(stream), category)
    assert.strictEqual(Placement.tapeOf({ kind: "category" }, stream), encodeTapeName(category))
  })

  it.each([
    ["order-17", "order"],
    ["order", "events"],
    ["events", "events"],
    ["events-1", "events"],
    ["-17", encodeTapeName("")],
    ["-", encodeTapeName("")],
    ["é", "events"],
    ["0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0", "events"],
    ["0F1E2D3C-4b5a-4978-8796-A5B4C3D2E1F0", "events"],
    ["00000000-0000-0000-0000-000000000000", "events"],
    ["ffffffff-ffff-ffff-ffff-ffffffffffff", "events"],
    ["0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f", "0f1e2d3c"],
    ["0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f00", "0f1e2d3c"],
    ["0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1fg", "0f1e2d3c"],
    ["0f1e2d3c4b5a-4978-8796-a5b4-c3d2e1f0", "0f1e2d3c4b5a"],
    ["{0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0}", "%7b0f1e2d3c"],
    ["order-0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0", "order"]
  ])("places stream %j on tape %j by category-or-shared", (stream, tape) => {
    assert.strictEqual(Placement.tapeOf({ kind: "category-or-shared" }, stream), tape)
    // What is not shared is where the placement by category has it.
    if (!Placement.isShared(stream)) assert.strictEqual(Placement.tapeOf({ kind: "category" }, stream), tape)
  })

  it("assigns streams to tapes by kind", () => {
    assert.strictEqual(Placement.tapeOf({ kind: "category" }, "Order-17"), "%4frder")
    assert.strictEqual(Placement.tapeOf({ kind: "stream" }, "order-17"), "order-17")
    assert.strictEqual(Placement.tapeOf({ kind: "stream" }, "order-Ä"), "order-%c3%84")
    assert.strictEqual(Placement.tapeOf({ kind: "single" }, "order-17"), "events")
  })

  it("hashes a stream by the first four bytes of the SHA-256 of its UTF-8", () => {
    for (const stream of ["order-17", "é", "e\u0301", "🦊"]) {
      const number = Buffer.from(hash("sha256", Buffer.from(stream), "hex"), "hex").readUInt32BE(0)
      assert.strictEqual(
        Placement.tapeOf({ kind: "hashed", tapes: 64 }, stream),
        `events-${String(number % 64).padStart(3, "0")}`
      )
    }
    // The tape of a stream must never change, or a lib could not find the stream again.
    assert.strictEqual(Placement.tapeOf({ kind: "hashed", tapes: 64 }, "order-17"), "events-035")
    assert.strictEqual(Placement.tapeOf({ kind: "hashed", tapes: 1024 }, "order-17"), "events-675")
    assert.strictEqual(Placement.tapeOf({ kind: "hashed", tapes: 1 }, "order-17"), "events-000")
  })

  it("spreads streams over all tapes, whose names are valid", () => {
    const tapes = new Set<string>()
    for (let i = 0; i < 20_000; i++) tapes.add(Placement.tapeOf({ kind: "hashed", tapes: 1024 }, `order-${i}`))
    assert.strictEqual(tapes.size, 1024)
    for (const tape of tapes) assert.strictEqual(checkTapeName(tape), tape)
  })

  it("accepts any text that a record can contain as the name of a stream", () => {
    for (const stream of ["order-17", "-", " ", "e\u0301", "🦊", "\u2028", "x".repeat(512), "é".repeat(256)]) {
      assert.strictEqual(Placement.checkStreamName(stream), stream)
    }
  })

  it.each([
    ["", /empty/],
    ["a\ud800", /surrogate/],
    ["a\nb", /control/],
    ["a\u0000", /control/],
    ["a\u007f", /control/],
    ["a\u0085", /control/],
    ["a\uffff", /noncharacter/],
    ["a\ufdd0", /noncharacter/],
    ["a\u{1fffe}", /noncharacter/],
    ["x".repeat(513), /512 bytes/],
    ["é".repeat(257), /512 bytes/]
  ])("refuses %j as the name of a stream and says why", (stream, why) => {
    assert.throws(() => Placement.checkStreamName(stream), why)
    try {
      Placement.checkStreamName(stream)
    } catch (error) {
      assert.instanceOf(error, Placement.InvalidStreamName)
      assert.isAtMost((error as Placement.InvalidStreamName).name.length, 120)
    }
  })
})
