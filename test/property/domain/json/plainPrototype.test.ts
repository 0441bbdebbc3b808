import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as TaraSON from "litetapes/TaraSON"
import { TaraSONError } from "litetapes/TaraSONError"
import * as vm from "node:vm"
import { json } from "../../../support/arbitraries.ts"

const realm = vm.createContext({})

/** Runs code in another realm, with objects and arrays of its own. */
const elsewhere = (code: string): unknown => vm.runInContext(code, realm)

describe("plain values of another realm", () => {
  it("encode to the same text as our own", () =>
    fc.assert(
      fc.property(json, (value) => {
        const text = TaraSON.encodeValue(value)
        const foreign = elsewhere(`JSON.parse(${JSON.stringify(JSON.stringify(value))})`)
        assert.strictEqual(TaraSON.encodeValue(foreign), text)
        assert.strictEqual(TaraSON.encodeValue({ outer: [foreign] }), `{"outer":[${text}]}`)
      })
    ))

  it("encode although they are clones, or come from a response", async () => {
    const value = { list: [1, { deep: null }], text: "x" }
    const text = TaraSON.encodeValue(value)
    assert.strictEqual(TaraSON.encodeValue(structuredClone(value)), text)
    assert.strictEqual(TaraSON.encodeValue(await Response.json(value).json()), text)
  })

  it.each([
    "new Date(0)",
    "new Map()",
    "new Error('x')",
    "new (class A {})()",
    "new (class B extends Array {})()",
    "Object.setPrototypeOf([], null)",
    "Object.setPrototypeOf([], [])",
    "Object.setPrototypeOf([], {})",
    "Object.create(Object.create(null))",
    "Object.create({})",
    "Object.create({ __proto__: null, isPrototypeOf() {} })",
    "Object.create(Function.prototype)",
    "new (class C { static { Object.setPrototypeOf(this.prototype, null) } })()",
    "new Proxy({}, {})",
    "Object.setPrototypeOf({}, new Proxy({}, {}))",
    "Object.setPrototypeOf([], new Proxy([], {}))",
    "/x/",
    "Symbol.iterator",
    "() => {}"
  ])("are refused if they are not plain, here as there: %s", (code) => {
    assert.throws(() => TaraSON.encodeValue(elsewhere(code)), TaraSONError)
    assert.throws(() => TaraSON.encodeValue(vm.runInThisContext(code)), TaraSONError)
  })

  it("are judged without running code of the caller", () => {
    const trap = () => assert.fail("a trap ran")
    const handler = { getPrototypeOf: trap, getOwnPropertyDescriptor: trap, get: trap, ownKeys: trap, has: trap }
    for (const target of [{}, []]) {
      const value = Object.setPrototypeOf(Array.isArray(target) ? [] : {}, new Proxy(target, handler)) as unknown
      assert.throws(() => TaraSON.encodeValue(value), TaraSONError)
    }
  })
})
