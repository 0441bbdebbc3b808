import * as fc from "fast-check"
import { randomBytes } from "node:crypto"
import { assert, describe, it } from "vitest"
import { isUuid, makeUuidV7 } from "../../../../src/domain/base/Uuid.ts"
import { runs } from "../../../support/runs.ts"

const clock = fc.array(
  fc.oneof(fc.nat(5), fc.integer({ min: 0, max: 2 ** 47 }), fc.double({ min: 0, max: 9, noNaN: true })),
  {
    maxLength: 200
  }
)

describe("Uuid", () => {
  it("ascends whatever the clock does, and carries the latest time that the clock has shown", () => {
    fc.assert(
      fc.property(clock, (times) => {
        const next = makeUuidV7(randomBytes)
        let last = ""
        let latest = 0
        for (const time of times) {
          const uuid = next(time)
          latest = Math.max(latest, Math.floor(time))
          assert.isTrue(isUuid(uuid), uuid)
          assert.strictEqual(uuid[14], "7")
          assert.isTrue(uuid > last, `${uuid} after ${last}`)
          assert.strictEqual(Number.parseInt(uuid.replaceAll("-", "").slice(0, 12), 16), latest)
          last = uuid
        }
      }),
      { numRuns: runs }
    )
  })
})
