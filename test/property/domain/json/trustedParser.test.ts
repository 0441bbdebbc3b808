import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { TaraSONError } from "../../../../src/domain/json/TaraSONError.ts"
import * as Arbitraries from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"

/** Returns the value of a parsed line, or the reason of the refusal. */
const outcome = (parse: (line: string) => TaraSON.Json, line: string): unknown => {
  try {
    return { value: parse(line) }
  } catch (error) {
    assert.instanceOf(error, TaraSONError)
    return { reason: error.reason }
  }
}

// Texts that need a second check, and texts that only seem to.
const odd = fc.constantFrom(
  String.raw`{"h":1,"\n":{"v":"\n"}}`,
  String.raw`{"h":1,"\\":2}`,
  String.raw`{"v":"a \" in a value"}`,
  `{"__proto__":{"a":1}}`,
  String.raw`{"\u005f_proto__":1}`,
  `{"x__proto__":1}`,
  `{"a":"__proto__"}`,
  `{"a":[1`,
  `2]}`
)

const line = fc.oneof(
  { weight: 3, arbitrary: Arbitraries.record.map((record) => TaraSON.encode(record)) },
  { weight: 1, arbitrary: odd }
)

describe("trustedParser", () => {
  it("reads each line as parseTrusted does, whatever the other lines are", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const parse = TaraSON.trustedParser(lines.join("\n"))
        for (const one of lines) assert.deepStrictEqual(outcome(parse, one), outcome(TaraSON.parseTrusted, one))
      }),
      { numRuns: runs * 3 }
    )
  })
})
