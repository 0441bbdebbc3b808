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

test("the sync pace runs a sync on the event loop if earlier ones were fast and little was written", () => {
  fc.assert(
    fc.property(fc.array(fast, { minLength: 16, maxLength: 200 }), fc.nat(40_000), (micros, bytes) => {
      expect(paced(micros).isDirect(bytes)).toBe(bytes <= 16 * 1024)
    }),
    { numRuns: runs }
  )
})

test("the sync pace runs no sync on the event loop before enough of them were measured", () => {
  fc.assert(
    fc.property(fc.array(fast, { maxLength: 15 }), (micros) => {
      expect(paced(micros).isDirect(1)).toBe(false)
    }),
    { numRuns: runs }
  )
})

test("the sync pace runs no sync on the event loop if the device is slow", () => {
  fc.assert(
    fc.property(fc.array(slow, { maxLength: 200 }), (micros) => {
      expect(paced(micros).isDirect(1)).toBe(false)
    }),
    { numRuns: runs }
  )
})

test("the sync pace sends the next hundred syncs to the thread pool after one slow sync, however fast they are", () => {
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
