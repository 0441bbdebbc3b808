import * as fc from "fast-check"
import * as Category from "litetapes/Category"
import { assert, it } from "vitest"

it("the id of an event is the one that made the name of its stream, whatever is in it", () => {
  const name = fc.string({ minLength: 1 }).filter((text) => !text.includes("-"))
  fc.assert(
    fc.property(name, fc.oneof(fc.string(), fc.uuid(), fc.constantFrom("", "-", "17-a", "--")), (name, id) => {
      assert.strictEqual(Category.idOf({ stream: Category.make(name, {}).stream(id) }), id)
    })
  )
})

it("the id of an event of a stream without a category is the name of the stream", () => {
  assert.strictEqual(Category.idOf({ stream: "settings" }), "settings")
})
