import { assert, describe, it } from "vitest"
import { BadLine } from "../../../../src/domain/json/BadLine.ts"
import * as Index from "../../../../src/domain/segment/SegmentIndex.ts"
import { pageOf, someSha256 } from "../../../support/indexModel.ts"
import { runLookup } from "../../../support/runLookup.ts"

const line = Buffer.from("{}")
const event = { stream: "order-1", revision: 0, position: 0, idHash: 0 }
const begun = () => {
  const builder = new Index.SegmentIndexBuilder("events")
  builder.add(line, 0, 2, event)
  return builder
}

describe("an index builder, given untrusted lines,", () => {
  it.each([
    ["a gap in the revisions", { revision: 2, position: 1 }],
    ["a repeated revision", { revision: 0, position: 1 }],
    ["a repeated position", { revision: 1, position: 0 }],
    ["a position that goes back", { revision: 1, position: -1 }],
    ["a position that is not an integer", { revision: 1, position: 1.5 }],
    ["a revision before the first", { stream: "order-2", revision: -1, position: 1 }]
  ])("refuses %s", (_, change) => {
    assert.throws(() => begun().add(line, 0, 2, { ...event, ...change }), BadLine)
  })
})

describe("an index builder", () => {
  it.each([
    ["a hash that is out of range", { revision: 1, position: 1, idHash: 2 ** 53 }],
    ["a negative hash", { revision: 1, position: 1, idHash: -1 }]
  ])("dies on %s", (_, change) => {
    assert.throws(() => begun().add(line, 0, 2, { ...event, ...change }), /invariant/i)
  })

  it("dies on an event among records, and on a record among events", () => {
    assert.throws(() => new Index.SegmentIndexBuilder("records").add(line, 0, 2, event), /invariant/i)
    assert.throws(() => begun().add(line, 0, 2), /invariant/i)
  })

  it("dies if it is used after its end, or for a segment without a hash", () => {
    const builder = begun()
    builder.finish(someSha256)
    assert.throws(() => builder.add(line, 0, 2, { ...event, revision: 1, position: 1 }), /invariant/i)
    assert.throws(() => builder.finish(someSha256), /invariant/i)
    assert.throws(() => begun().finish("ab"), /invariant/i)
  })

  it("dies on a segment of 4 GiB", () => {
    const builder = new Index.SegmentIndexBuilder("records")
    const quarter = new Uint8Array(2 ** 28)
    for (let i = 0; i < 15; i++) builder.add(quarter, 0, quarter.length - 1)
    builder.add(quarter, 0, quarter.length - 2)
    assert.throws(() => builder.add(quarter, 0, 0), /2\^32/)
    const index = builder.finish(someSha256)
    const header = Index.decodeHeader(pageOf(index, 0), someSha256)
    assert.strictEqual(header.rawBytes, 2 ** 32 - 1)
    assert.strictEqual(runLookup(index, Index.readBlocks(header)).count, 16)
  })
})
