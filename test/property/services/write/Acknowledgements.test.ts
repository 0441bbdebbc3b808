import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { Acknowledgements } from "../../../../src/services/write/Acknowledgements.ts"
import { runs } from "../../../support/runs.ts"

/** Callers 0 to before `count`; the listed ones throw when they are acknowledged. */
const callers = (count: number, throwing: ReadonlyArray<number> = []) => {
  const told: Array<number> = []
  const tells = Array.from({ length: count }, (_, caller) => () => {
    told.push(caller)
    if (throwing.includes(caller)) throw new Error(`caller ${caller}`)
  })
  return { told, tells }
}

const upTo = (count: number) => Array.from({ length: count }, (_, caller) => caller)

describe("acknowledgements", () => {
  it("resume every caller once and in order, however often they pause and whoever throws", () => {
    fc.assert(
      fc.property(fc.nat(20), fc.array(fc.nat(19)), fc.array(fc.nat(4)), (count, throwing, steps) => {
        const { told, tells } = callers(count, throwing)
        const acknowledgements = new Acknowledgements(tells)
        const errors: Array<unknown> = []
        const step = (tell: () => void) => {
          try {
            tell()
          } catch (error) {
            errors.push((error as Error).message)
          }
          assert.deepStrictEqual(told, upTo(told.length))
          assert.strictEqual(acknowledgements.areTold, told.length === count)
        }
        for (const more of steps) {
          const end = told.length + more
          step(() => acknowledgements.tellWhile(() => told.length < end))
          assert.isAtMost(told.length, end)
        }
        while (!acknowledgements.areTold) step(() => acknowledgements.tellRest())
        assert.deepStrictEqual(told, upTo(count))
        const expected = upTo(count).filter((caller) => throwing.includes(caller))
        assert.deepStrictEqual(
          errors,
          expected.map((caller) => `caller ${caller}`)
        )
      }),
      { numRuns: runs }
    )
  })

  it("ask before each caller whether to continue, and no longer once all are resumed", () => {
    const { told, tells } = callers(3)
    const acknowledgements = new Acknowledgements(tells)
    let asked = 0
    acknowledgements.tellWhile(() => (asked += 1) <= 2)
    assert.deepStrictEqual([asked, told], [3, [0, 1]])
    acknowledgements.tellRest()
    acknowledgements.tellWhile(() => assert.fail("no caller is left to resume"))
    assert.deepStrictEqual(told, [0, 1, 2])
  })

  it("continue after a caller that threw", () => {
    const { told, tells } = callers(3, [1])
    const acknowledgements = new Acknowledgements(tells)
    assert.throws(() => acknowledgements.tellRest(), "caller 1")
    assert.deepStrictEqual([told, acknowledgements.areTold], [[0, 1], false])
    acknowledgements.tellRest()
    assert.deepStrictEqual([told, acknowledgements.areTold], [[0, 1, 2], true])
  })

  it("resume the rest even if a caller asks for that while it is being resumed", () => {
    const told: Array<number> = []
    const acknowledgements: Acknowledgements = new Acknowledgements(
      upTo(3).map((caller) => () => {
        told.push(caller)
        if (caller === 0) acknowledgements.tellRest()
      })
    )
    acknowledgements.tellRest()
    assert.deepStrictEqual(told, [0, 1, 2])
  })

  it("are complete from the start if there are no callers", () => {
    assert.isTrue(new Acknowledgements([]).areTold)
  })
})
