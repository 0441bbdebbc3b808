import { assert, describe, it } from "@effect/vitest"
import { defaultLimits } from "../../../../src/domain/format/Limits.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { type Reason, TaraSONError } from "../../../../src/domain/json/TaraSONError.ts"

const refusal = (run: () => unknown): TaraSONError => {
  try {
    run()
  } catch (error) {
    if (error instanceof TaraSONError) return error
    throw error
  }
  return assert.fail("accepted")
}

const refuses = (value: unknown, tag: Reason["_tag"], pointer: string, found?: string) => {
  const error = refusal(() => TaraSON.encode(value))
  assert.deepStrictEqual([error.reason._tag, error.pointer], [tag, pointer])
  if (found !== undefined) assert.strictEqual((error.reason as { readonly found?: string }).found, found)
}

/** Returns the array without its second element. */
const withHole = (array: Array<unknown>): Array<unknown> => {
  Reflect.deleteProperty(array, 1)
  return array
}

const nested = (depth: number): unknown => {
  let value: unknown = {}
  for (let level = 1; level < depth; level++) value = level % 2 === 0 ? { a: value } : [value]
  return { a: value }
}

const systemRefusal = (value: unknown): string => {
  const { pointer, reason } = refusal(() => TaraSON.encodeSystem(value))
  return `${reason._tag} ${pointer}`
}

const never = (): never => assert.fail("code of the caller ran")

describe("encoding a value that is not JSON", () => {
  class Money {
    readonly amount = 1
  }
  const withToJSON = Object.assign(Object.create({ toJSON: never }), { a: 1 })
  const cases: ReadonlyArray<readonly [name: string, value: unknown, found: string]> = [
    ["undefined", undefined, "undefined"],
    ["a function", never, "function"],
    ["a symbol", Symbol("s"), "symbol"],
    ["a BigInt", 1n, "bigint"],
    ["a Date", new Date(0), "a Date"],
    ["a Map", new Map([["a", 1]]), "a Map"],
    ["a Set", new Set([1]), "a Set"],
    ["a RegExp", /a/, "a RegExp"],
    ["an Error", new Error("e"), "an Error"],
    ["a boxed string", new String("s"), "a boxed primitive"],
    ["a boxed number", new Number(1), "a boxed primitive"],
    ["a boxed boolean", new Boolean(true), "a boxed primitive"],
    ["a class instance", new Money(), "an object that is not plain"],
    ["an object that inherits", Object.create({ a: 1 }), "an object that is not plain"],
    ["an object with an inherited toJSON", withToJSON, "an object that is not plain"],
    ["an object with a toJSON of its own", { toJSON: never }, "function"],
    ["a typed array", new Uint8Array(2), "binary data"],
    ["an ArrayBuffer", new ArrayBuffer(2), "binary data"],
    ["a Promise", Promise.resolve(1), "a Promise"],
    ["a symbol as a key", { [Symbol("s")]: 1 }, "a symbol as a key"],
    ["a symbol as an array's key", Object.assign([1], { [Symbol("s")]: 1 }), "a symbol as a key"],
    ["an array of a class", new (class extends Array {})(), "an array that is not plain"],
    ["an array with a hole", withHole([1, 2, 3]), "an array with holes or keys"],
    ["an array of holes", Object.assign([], { length: 3 }), "an array with holes or keys"],
    ["an array with a key", Object.assign([1], { a: 1 }), "an array with holes or keys"],
    ["an empty array with a key", Object.assign([], { a: 1 }), "an array with holes or keys"],
    ["the match of a regular expression", /b/.exec("abc"), "an array with holes or keys"],
    ["an array with a hole and a key", Object.assign(withHole([1, 2]), { a: 1 }), "undefined"],
    ["a proxy", new Proxy({ a: 1 }, { get: never, ownKeys: never, getPrototypeOf: never }), "a proxy"],
    ["a proxy of an array", new Proxy([1], { get: never, ownKeys: never, getPrototypeOf: never }), "a proxy"]
  ]
  for (const [name, value, found] of cases) {
    it(`refuses ${name} and names its place`, () => {
      const inner = value !== null && typeof value === "object" && found === "function" ? "/toJSON" : ""
      const hole = found === "undefined" && Array.isArray(value) ? "/1" : ""
      refuses({ a: value }, "NotJsonValue", `/a${inner}${hole}`, found)
      refuses({ a: ["x", { "b/~c": value }] }, "NotJsonValue", `/a/1/b~1~0c${inner}${hole}`, found)
      refuses({ z: value, "\u00e9": 1 }, "NotJsonValue", `/z${inner}${hole}`, found)
    })
  }

  it("says what was found, where, and what to do instead", () => {
    const messages: ReadonlyArray<readonly [value: unknown, message: RegExp]> = [
      [undefined, /^NotJsonValue at \/note: found undefined; leave it out, or store null$/],
      [1n, /^NotJsonValue at \/note: found bigint; store it as a string, or .* Schema$/],
      [new Date(0), /^NotJsonValue at \/note: found a Date; give its event type a Schema, or store a plain form/],
      [never, /^NotJsonValue at \/note: found function; only null, booleans/],
      [Infinity, /^UnrepresentableNumber at \/note: .*store it as a string$/],
      ["\ufdd0", /^IllFormedString at \/note: .*noncharacter; remove or replace it/]
    ]
    for (const [note, message] of messages) {
      for (const value of [{ note }, { note, é: 1 }]) assert.throws(() => TaraSON.encode(value), message)
    }
  })

  it("refuses accessors without calling them", () => {
    const accessor = { get: never, set: never, enumerable: true, configurable: true }
    refuses(Object.defineProperty({ a: 1 }, "b", accessor), "NotJsonValue", "/b", "an accessor")
    refuses({ x: Object.defineProperty({ a: 1 }, "é", accessor) }, "NotJsonValue", "/x/é", "an accessor")
    refuses({ x: Object.defineProperty([1, 2], 1, accessor) }, "NotJsonValue", "/x/1", "an accessor")
    refuses(
      { x: Object.defineProperty([1, 2], 1, { set: never, enumerable: true }) },
      "NotJsonValue",
      "/x/1",
      "undefined"
    )
    refuses(Object.defineProperty({}, "$type", accessor), "NotJsonValue", "/$type", "an accessor")
    refuses(
      { x: Object.defineProperty({}, "s", { set: never, enumerable: true }) },
      "NotJsonValue",
      "/x/s",
      "an accessor"
    )
  })

  it("refuses an accessor even if the same shape was accepted before", () => {
    for (let round = 0; round < 20_000; round++) TaraSON.encode({ a: round, b: "x" })
    refuses(
      {
        a: 1,
        get b() {
          return never()
        }
      },
      "NotJsonValue",
      "/b",
      "an accessor"
    )
  })

  it("neither runs an accessor on the prototype of all objects nor lets it hide an object's own value", () => {
    let calls = 0
    const get = () => ++calls
    const own = { litetapesTest: 1, a: {} }
    const shared = Object.getPrototypeOf(own) as object
    Object.defineProperty(shared, "litetapesTest", { configurable: true, enumerable: true, get })
    let text
    try {
      text = TaraSON.encode(own)
    } finally {
      Reflect.deleteProperty(shared, "litetapesTest")
    }
    assert.strictEqual(text, '{"a":{},"litetapesTest":1}')
    assert.strictEqual(calls, 0)
  })

  it("refuses a cycle at the place where it closes", () => {
    const object: Record<string, unknown> = { a: 1 }
    object["self"] = { deeper: [object] }
    refuses(object, "NotJsonValue", "/self/deeper/0", "a cycle")
    const array: Array<unknown> = []
    array.push(array)
    refuses({ x: array }, "NotJsonValue", "/x/0", "a cycle")
    const heavy: Record<string, unknown> = { a: "x".repeat(100_000) }
    heavy["self"] = heavy
    refuses(heavy, "NotJsonValue", "/self", "a cycle")
  })

  it("accepts a container that occurs twice without a cycle", () => {
    const shared = { a: [1] }
    assert.strictEqual(TaraSON.encode({ x: shared, y: shared }), '{"x":{"a":[1]},"y":{"a":[1]}}')
  })

  it("ignores null prototypes, inherited properties and properties that are not enumerable", () => {
    const bare = Object.assign(Object.create(null), { b: 1, a: Object.create(null) })
    Object.defineProperty(bare, "hidden", { value: never })
    assert.strictEqual(TaraSON.encode(bare), '{"a":{},"b":1}')
    assert.strictEqual(TaraSON.encode(Object.freeze({ a: Object.freeze([1]) })), '{"a":[1]}')
    let text: string
    try {
      Reflect.defineProperty(Object.prototype, "polluted", { value: 1, enumerable: true, configurable: true })
      text = TaraSON.encode({ b: 1, a: { é: 2 } })
    } finally {
      Reflect.deleteProperty(Object.prototype, "polluted")
    }
    assert.strictEqual(text, '{"a":{"é":2},"b":1}')
  })
})

describe("encoding numbers, strings and keys", () => {
  it("refuses NaN and the infinities, and turns -0 into 0", () => {
    for (const value of [Number.NaN, Infinity, -Infinity]) refuses({ a: [value] }, "UnrepresentableNumber", "/a/0")
    assert.strictEqual(TaraSON.encode({ a: -0, b: [-0, -1] }), '{"a":0,"b":[0,-1]}')
  })

  it("refuses lone surrogates and noncharacters in strings and keys, short and long", () => {
    for (const wrong of ["\ud800", "\udc00", "\udc00\ud800", "\ufdd0", "\ufdef", "\ufffe", "\uffff"]) {
      for (const text of [wrong, `ab${wrong}cd`, "x".repeat(70) + wrong]) {
        refuses({ a: text }, "IllFormedString", "/a")
        assert.strictEqual(refusal(() => TaraSON.encode({ a: { [text]: 1 } })).reason._tag, "IllFormedString")
      }
    }
    for (let plane = 1; plane <= 16; plane++) {
      for (const last of [0xfffe, 0xffff])
        refuses({ a: String.fromCodePoint(plane * 0x10000 + last) }, "IllFormedString", "/a")
    }
    assert.strictEqual(TaraSON.encode({ a: "\ufdcf\ufdf0\ufffd\u{1fffd}" }), '{"a":"\ufdcf\ufdf0\ufffd\u{1fffd}"}')
  })

  it("refuses `__proto__` as a key anywhere, and accepts it as a string", () => {
    const forbidden: unknown = JSON.parse('{"__proto__":1}')
    refuses(forbidden, "ForbiddenKey", "/__proto__")
    refuses({ b: [{ a: 1 }, forbidden] }, "ForbiddenKey", "/b/1/__proto__")
    assert.strictEqual(TaraSON.encode({ a: "__proto__", proto__: 1 }), '{"a":"__proto__","proto__":1}')
  })

  it("reports a pointer with well-formed segments of at most 64 characters", () => {
    const error = refusal(() => TaraSON.encode({ ["k".repeat(100)]: { "a\ud800": 1 } }))
    assert.strictEqual(error.pointer, `/${"k".repeat(64)}/a\ufffd`)
  })
})

describe("encoding a value that is not a record", () => {
  it("refuses other JSON", () => {
    for (const value of [null, [], [{}], "a", 1, true]) refuses(value, "NotARecord", "")
    refuses(undefined, "NotJsonValue", "", "undefined")
    refuses(new Date(0), "NotJsonValue", "", "a Date")
    assert.strictEqual(TaraSON.encodeValue([null, "a"]), '[null,"a"]')
    assert.strictEqual(TaraSON.encode({}), "{}")
  })

  it("accepts `$type` only as a string outside of the reserved namespaces", () => {
    for (const type of ["LiteTape.", "LiteTape.Meta", "LiteLib.Anything"]) {
      refuses({ $type: type }, "ReservedType", "/$type")
      assert.strictEqual(TaraSON.encode({ a: { $type: type } }), `{"a":{"$type":"${type}"}}`)
      assert.strictEqual(TaraSON.encodeValue({ $type: type }), `{"$type":"${type}"}`)
    }
    for (const type of [1, null, {}, ["LiteTape.Meta"]]) refuses({ $type: type }, "NotJsonValue", "/$type")
    for (const type of ["", "LiteTapes.Meta", "liteTape.Meta"]) {
      assert.strictEqual(TaraSON.encode({ $type: type }), `{"$type":"${type}"}`)
    }
  })

  it("requires a reserved type in a system record, and no key `constructor`", () => {
    assert.strictEqual(TaraSON.encodeSystem({ b: 1, $type: "LiteLib.Meta" }), '{"$type":"LiteLib.Meta","b":1}')
    assert.strictEqual(systemRefusal({ $type: "Mine" }), "NotJsonValue /$type")
    assert.strictEqual(systemRefusal({ a: 1 }), "NotJsonValue /$type")
    assert.strictEqual(systemRefusal({ $type: "LiteLib.Meta", constructor: 1 }), "ForbiddenKey /constructor")
    assert.strictEqual(
      systemRefusal({ $type: "LiteLib.Meta", a: [{ constructor: 1 }] }),
      "ForbiddenKey /a/0/constructor"
    )
    assert.strictEqual(systemRefusal([]), "NotARecord ")
    const allowed = { $type: "LiteLib.Meta", a: "constructor", ['x"constructor']: '"constructor":' }
    assert.isTrue(TaraSON.equals(JSON.parse(TaraSON.encodeSystem(allowed)), allowed))
  })
})

describe("encoding within limits", () => {
  it("counts containers as depth, and the record itself as the first one", () => {
    assert.strictEqual(TaraSON.encode(nested(127)).match(/[{[]/g)?.length, 128)
    const error = refusal(() => TaraSON.encode(nested(128)))
    assert.deepStrictEqual(error.reason, { _tag: "NestingTooDeep", depthMax: 128 })
    assert.strictEqual(error.pointer.split("/").length - 1, 128)
  })

  it("refuses a depth that would end the process, whatever the limit", () => {
    const limits = { ...defaultLimits, depthMax: 1_000_000 }
    assert.strictEqual(refusal(() => TaraSON.encode(nested(100_000), limits)).reason._tag, "NestingTooDeep")
    const record = TaraSON.encode(nested(999), limits)
    assert.strictEqual(TaraSON.encode(TaraSON.parse(TaraSON.toBytes(record), limits), limits), record)
  })

  it("counts bytes of UTF-8 as size", () => {
    const limits = { ...defaultLimits, recordBytesMax: 10 }
    assert.strictEqual(TaraSON.encode({ a: "éé" }, { ...limits, recordBytesMax: 12 }), '{"a":"éé"}')
    for (const value of [
      { a: "éé1" },
      { a: 123_456 },
      { a: "12345" },
      { "12345678": 1 },
      { a: [1, 2, 3] },
      { a: { b: {} } }
    ]) {
      const { reason } = refusal(() => TaraSON.encode(value, limits))
      assert.strictEqual(reason._tag, "RecordTooLarge")
    }
  })

  it("refuses a value early that can only be too large", () => {
    const keys = Object.fromEntries(Array.from({ length: 300_000 }, (_, index) => [`key-${index}`, index]))
    const doubling = Array.from({ length: 120 }).reduce<unknown>((inner) => [inner, inner], [])
    const values = [
      keys,
      doubling,
      Object.assign([], { length: 4_000_000_000 }),
      "x".repeat(10_000_000),
      "é".repeat(10_000_000)
    ]
    for (const value of values) {
      assert.strictEqual(refusal(() => TaraSON.encode({ a: value })).reason._tag, "RecordTooLarge")
    }
    assert.strictEqual(TaraSON.encode({ a: 1 }), '{"a":1}')
  })

  it("writes a large record within the limit completely", () => {
    const limits = { ...defaultLimits, recordBytesMax: 64 * 1024 * 1024 }
    const record = {
      a: "x".repeat(3_000_000),
      b: Array.from({ length: 200_000 }, (_, index) => index * 1.5),
      c: "é".repeat(100_000)
    }
    assert.isTrue(TaraSON.encode(record, limits) === JSON.stringify(record))
  })
})
