import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { isUuid } from "../../../../src/domain/base/Uuid.ts"
import { commandEventId } from "../../../../src/domain/event/commandIds.ts"
import { idOfCommand } from "../../../support/commandId.ts"
import { runs } from "../../../support/runs.ts"

describe("the id of a command's event", () => {
  it("is the same for ever: libs have events with such ids", () => {
    assert.strictEqual(commandEventId("order-17", "request-4711", 0), "986975d8-627b-8693-990a-753941e2858e")
    assert.strictEqual(commandEventId("order-17", "request-4711", 1), "cc5724ee-3d69-8b5f-94ba-e6919aa4415d")
    assert.strictEqual(commandEventId("order-17", "request-4711", 10), "a0753904-c65e-8943-aaa3-1fe69450bff1")
    assert.strictEqual(commandEventId("Ünï-☃", "é\n🦊", 0), "db2ff56f-8f64-8676-99b5-0498976405b0")
  })

  it("is a UUID, and another one for each stream, command and index", () => {
    const part = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("", "0", "1", "order-1", "0\norder-1"))
    const stream = part.map((text) => text.replaceAll(/\p{Cc}/gu, ""))
    const names = fc.array(fc.tuple(stream, part, fc.nat({ max: 20 })), { maxLength: 20 })
    fc.assert(
      fc.property(names, (names) => {
        const ids = names.map(([stream, command, index]) => commandEventId(stream, command, index))
        for (const [at, [stream, command, index]] of names.entries()) {
          assert.isTrue(isUuid(ids[at]!))
          assert.strictEqual(ids[at], idOfCommand(stream, command, index))
        }
        const different = new Set(names.map((name) => JSON.stringify(name)))
        assert.strictEqual(new Set(ids).size, different.size)
      }),
      { numRuns: runs }
    )
  })
})
