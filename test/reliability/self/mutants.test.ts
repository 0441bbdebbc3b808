/** The campaign finds out whether a broken protocol is caught; that its edits still fit the source is known sooner here. */
import { assert, describe, it } from "vitest"
import { all } from "../mutants/all.ts"
import { checkApplies } from "../mutants/mutant.ts"

describe("each mutant", () => {
  it.each(all.map((mutant) => [mutant.name, mutant] as const))("%s fits the source as it is", (_, mutant) => {
    checkApplies(mutant)
  })

  it("has a name of its own", () => {
    assert.strictEqual(new Set(all.map(({ name }) => name)).size, all.length)
  })
})
