/** The campaign shows whether a mutant is caught. This test shows sooner that its edits still fit the source. */
import { assert, describe, it } from "vitest"
import { all } from "../mutants/all.ts"
import { checkApplies } from "../mutants/mutant.ts"

describe("each mutant", () => {
  it.each(all.map((mutant) => [mutant.name, mutant] as const))("%s still applies to the source", (_, mutant) => {
    checkApplies(mutant)
  })

  it("has a unique name", () => {
    assert.strictEqual(new Set(all.map(({ name }) => name)).size, all.length)
  })
})
