import { inspect } from "node:util"
import { LibLocked } from "litetapes/Errors"
import { TaraSONError } from "litetapes/TaraSONError"
import * as TaraSON from "litetapes/TaraSON"
import { assert, describe, it } from "vitest"

const thrown = (call: () => unknown): unknown => {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

describe("an error that is printed", () => {
  it("shows its name, its message, where it was made, and its fields", () => {
    const locked = new LibLocked({ location: "./orders" })
    const parse = thrown(() => TaraSON.parse(new TextEncoder().encode('{"a":')))
    assert.instanceOf(parse, TaraSONError)
    for (const error of [locked, parse as TaraSONError]) {
      const text = inspect(error)
      assert.include(text.split("\n")[0], error.name)
      assert.include(text.split("\n")[0], error.message)
      assert.include(text, "PlainError.test.ts")
      assert.include(text, `_tag: '${error._tag}'`)
      assert.include(inspect({ error }), error.message)
    }
  })
})
