import { assert, describe, it } from "vitest"
import * as Hint from "../../../../src/domain/journal/Hint.ts"
import { flipped } from "../../../support/copyLib.ts"

const boot = "0f3c1b9e-8d9a-4c55-9c1e-2f8f4d3b7a10"

describe("the hint", () => {
  it("contains the batch and the boot of the system, in the same number of bytes for any batch", () => {
    for (const batch of [0, 1, 999, Number.MAX_SAFE_INTEGER]) {
      const bytes = Hint.encode({ boot, batch })
      assert.deepStrictEqual(Hint.decode(bytes), { boot, batch })
      assert.strictEqual(bytes.length, Hint.encode({ boot, batch: 1 }).length)
      const noted = Hint.encode({ boot, batch, records: batch })
      assert.deepStrictEqual(Hint.decode(noted), { boot, batch, records: batch })
      assert.strictEqual(noted.length, Hint.encode({ boot, batch: 1, records: 0 }).length)
    }
  })

  it("is ignored if it is absent, empty, cut, of another kind or too long", () => {
    const bytes = Hint.encode({ boot, batch: 7 })
    assert.isUndefined(Hint.decode(undefined))
    for (let length = 0; length < bytes.length; length++) assert.isUndefined(Hint.decode(bytes.subarray(0, length)))
    assert.isUndefined(Hint.decode(Buffer.concat([bytes, bytes])))
    assert.isUndefined(Hint.decode(Buffer.from("{}\n")))
    assert.isUndefined(Hint.decode(Buffer.concat([bytes, Buffer.alloc(300)])))
  })

  it("is ignored if any bit is flipped", () => {
    for (const bytes of [Hint.encode({ boot, batch: 12 }), Hint.encode({ boot, batch: 12, records: 9 })]) {
      for (let at = 0; at < bytes.length; at++) {
        for (let bit = 0; bit < 8; bit++) assert.isUndefined(Hint.decode(flipped(bytes, at, bit)))
      }
    }
  })

  it("is ignored, or is one of the two, if it is half overwritten by the next one", () => {
    const [before, after] = [Hint.encode({ boot, batch: 99 }), Hint.encode({ boot, batch: 100 })]
    for (let length = 0; length <= after.length; length++) {
      const torn = Buffer.concat([after.subarray(0, length), before.subarray(length)])
      const said = Hint.decode(torn)
      if (said !== undefined) assert.include([99, 100], said.batch)
    }
  })
})
