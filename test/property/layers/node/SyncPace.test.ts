import * as fc from "fast-check"
import { expect, test } from "vitest"
import { SyncPace } from "../../../../src/layers/node/SyncPace.ts"
import { runs } from "../../../support/runs.ts"

const paced = (micros: Iterable<number>): SyncPace => {
  const pace = new SyncPace()
  for (const one of micros) pace.took(one)
  return pace
}

const fast = fc.double({ min: 1, max: 399, noNaN: true })
const slow = fc.double({ min: 401, max: 9999, noNaN: true })

test("syncs that were fast are done on the spot, where little was written", () => {
  fc.assert(
    fc.property(fc.array(fast, { minLength: 16, maxLength: 200 }), fc.nat(40_000), (micros, bytes) => {
      expect(paced(micros).isDirect(bytes)).toBe(bytes <= 16 * 1024)
    }),
    { numRuns: runs }
  )
})

test("none is done on the spot before enough of them were seen", () => {
  fc.assert(
    fc.property(fc.array(fast, { maxLength: 15 }), (micros) => {
      expect(paced(micros).isDirect(1)).toBe(false)
    }),
    { numRuns: runs }
  )
})

test("a device that is slow is never waited for", () => {
  fc.assert(
    fc.property(fc.array(slow, { maxLength: 200 }), (micros) => {
      expect(paced(micros).isDirect(1)).toBe(false)
    }),
    { numRuns: runs }
  )
})

test("after one sync that took long, the next hundred go to the thread pool, however fast they are", () => {
  fc.assert(
    fc.property(fc.nat(100), fc.double({ min: 10_001, max: 1e6, noNaN: true }), fc.nat(99), (before, stall, behind) => {
      const pace = paced([...Array<number>(before).fill(100), stall, ...Array<number>(behind).fill(100)])
      expect(pace.isDirect(1)).toBe(false)
      for (let n = behind; n < 100; n++) pace.took(100)
      expect(pace.isDirect(1)).toBe(true)
    }),
    { numRuns: runs }
  )
})
