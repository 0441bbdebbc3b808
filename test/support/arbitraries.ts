/** The public generators, over the fast-check that these tests have: shared by all properties. */
import * as fc from "fast-check"
import * as Generators from "../../src/testing/Generators.ts"

export const generators = Generators.make(fc)

export const { illFormedText, json, key, lines, nameText, record, text } = generators
export const { shuffled } = Generators
