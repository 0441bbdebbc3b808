/** The public generators with the fast-check of these tests, shared by all properties. */
import * as fc from "fast-check"
import * as Generators from "../../src/testing/Generators.ts"

export const generators = Generators.make(fc)

export const { illFormedText, json, key, lines, nameText, record, text } = generators
export const { shuffled } = Generators
