import { assert, describe, it } from "@effect/vitest"
import { defaultLimits } from "../../../../src/domain/format/Limits.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { TaraSONError } from "../../../../src/domain/json/TaraSONError.ts"

const bytes = (...parts: ReadonlyArray<string | ReadonlyArray<number>>) =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))))

const refusal = (run: () => unknown): TaraSONError => {
  try {
    run()
  } catch (error) {
    if (error instanceof TaraSONError) return error
    throw error
  }
  return assert.fail("accepted")
}

const deep = (depth: number): string => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`

const refused = (line: string | Uint8Array): string => {
  const { pointer, reason } = refusal(() => TaraSON.parse(typeof line === "string" ? bytes(line) : line))
  return `${reason._tag} ${pointer}`.trim()
}

describe("a foreign line", () => {
  it("is measured before it is decoded", () => {
    const large = new Uint8Array(10 * 1024 * 1024).fill(0xff)
    assert.deepStrictEqual(refusal(() => TaraSON.parse(large)).reason, {
      _tag: "RecordTooLarge",
      bytes: large.length,
      recordBytesMax: defaultLimits.recordBytesMax
    })
    const exact = bytes(`{"a":"${"x".repeat(defaultLimits.recordBytesMax - 8)}"}`)
    assert.strictEqual(exact.length, defaultLimits.recordBytesMax)
    assert.strictEqual(TaraSON.recordId(exact), TaraSON.recordId(TaraSON.encode(TaraSON.parseCanonical(exact))))
  })

  it("must be UTF-8 without a byte order mark", () => {
    const invalid = [
      bytes([0xef, 0xbb, 0xbf], "{}"),
      bytes('{"a":"', [0x80], '"}'),
      bytes('{"a":"', [0xc0, 0x80], '"}'),
      bytes('{"a":"', [0xed, 0xa0, 0x80], '"}'),
      bytes('{"a":"', [0xf4, 0x90, 0x80, 0x80], '"}'),
      bytes('{"a":"', [0xe2, 0x82]),
      Buffer.from("\ufeff{}", "utf16le")
    ]
    for (const line of invalid) assert.strictEqual(refused(line), "InvalidEncoding")
    assert.deepStrictEqual(TaraSON.parse(bytes('{"a":"\ufeff"}')), { a: "\ufeff" })
  })

  it("must not nest deeper than the limit, which is checked before parsing", () => {
    assert.deepStrictEqual(refusal(() => TaraSON.parse(bytes(deep(129)))).reason, {
      _tag: "NestingTooDeep",
      depthMax: 128
    })
    assert.strictEqual(TaraSON.encode(TaraSON.parseCanonical(bytes(deep(128)))), deep(128))
    const limits = { ...defaultLimits, recordBytesMax: 20_000_000 }
    for (const open of ["[", '{"a":']) {
      const hostile = bytes(open.repeat(5_000_000 / open.length))
      assert.strictEqual(refusal(() => TaraSON.parse(hostile, limits)).reason._tag, "NestingTooDeep")
      assert.strictEqual(refusal(() => TaraSON.parse(hostile)).reason._tag, "RecordTooLarge")
    }
    const brackets = { a: `${"[{".repeat(300)}\\"` }
    assert.deepStrictEqual(TaraSON.parseCanonical(TaraSON.toBytes(TaraSON.encode(brackets))), brackets)
  })

  it("must be one JSON text, and the error does not quote it", () => {
    for (const line of [
      "",
      " ",
      "{",
      '{"a":1',
      "{}{}",
      "{a:1}",
      "{'a':1}",
      '{"a":01}',
      '{"a":1,}',
      '{"a":"\n"}',
      '{"a":.5}',
      "secret"
    ]) {
      const error = refusal(() => TaraSON.parse(bytes(line)))
      assert.strictEqual(error.reason._tag, "NotJson")
      assert.notInclude(JSON.stringify(error.reason), "secret")
    }
    assert.deepStrictEqual(refusal(() => TaraSON.parse(bytes('{"secret":x}'))).reason, {
      _tag: "NotJson",
      detail: "unexpected token"
    })
    assert.deepStrictEqual(refusal(() => TaraSON.parse(bytes('{"a":1 2}'))).reason, {
      _tag: "NotJson",
      detail: "unexpected character at position 7"
    })
    assert.deepStrictEqual(refusal(() => TaraSON.parse(bytes('{"a":'))).reason, {
      _tag: "NotJson",
      detail: "it ends too early"
    })
  })

  it("must be an object", () => {
    for (const line of ["null", "[]", "1", '"a"', "true", "[{}]"]) assert.strictEqual(refused(line), "NotARecord")
  })

  it("must not have a key twice in one object", () => {
    assert.strictEqual(refused('{"a":1,"a":1}'), "DuplicateKey /a")
    assert.strictEqual(refused(String.raw`{"a":1,"\u0061":2}`), "DuplicateKey /a")
    assert.strictEqual(refused('{"x":[0,{"k/":{}, "b":[1,2],"k/":3}]}'), "DuplicateKey /x/1/k~1")
    assert.deepStrictEqual(TaraSON.parse(bytes('{"b":{"a":"b"},"a":{"a":["a","a"],"b":"a"}}')), {
      a: { a: ["a", "a"], b: "a" },
      b: { a: "b" }
    })
  })

  it("cannot smuggle in a prototype", () => {
    assert.strictEqual(refused('{"__proto__":{"admin":true}}'), "ForbiddenKey /__proto__")
    assert.strictEqual(refused(String.raw`{"a":[{"\u005f_proto__":1}]}`), "ForbiddenKey /a/0/__proto__")
    const record = TaraSON.parse(bytes('{"constructor":{"prototype":{"admin":true}}}'))
    assert.strictEqual(Object.getPrototypeOf(record), Object.prototype)
    assert.isFalse("admin" in {})
  })

  it("must have well-formed strings, however they are escaped", () => {
    assert.strictEqual(refused(String.raw`{"a":"\ud800"}`), "IllFormedString /a")
    assert.strictEqual(refused(String.raw`{"a":["\udc00\ud800"]}`), "IllFormedString /a/0")
    assert.strictEqual(refused(String.raw`{"a\uffff":1}`), "IllFormedString /a\uffff")
    assert.strictEqual(refused('{"a":"\ufdd0"}'), "IllFormedString /a")
    assert.deepStrictEqual(TaraSON.parse(bytes(String.raw`{"a":"\ud83d\ude00\\ud800"}`)), { a: "\u{1f600}\\ud800" })
  })

  it("must not contain a number that would be written differently", () => {
    for (const literal of [
      "1e400",
      "-1e400",
      "1E+309",
      "9007199254740993",
      "-9007199254740993",
      "1000000000000000000000",
      "9007199254740993.0",
      "-9007199254740993.000",
      "1e-400",
      "-1e-999",
      "123.456e-789",
      `0.${"0".repeat(400)}1`
    ]) {
      assert.strictEqual(refused(`{"a":[0,${literal}]}`), "UnrepresentableNumber /a/1")
    }
    const kept = {
      "9007199254740991": 2 ** 53 - 1,
      "9007199254740992": 2 ** 53,
      "1e21": 1e21,
      "-0": 0,
      "0e-400": 0,
      "-0.00E+5": 0,
      "9007199254740992.0": 2 ** 53,
      "9007199254740993e0": 2 ** 53,
      "4.9999999999999998e22": 5e22,
      "4e-324": 5e-324,
      "3.141592653589793238462643383279": Math.PI,
      "0.1000000000000000055": 0.1
    }
    for (const [literal, value] of Object.entries(kept)) {
      assert.strictEqual(TaraSON.encodeValue(TaraSON.parse(bytes(`{"a":${literal}}`))), `{"a":${String(value)}}`)
    }
  })

  it("keeps its escaped keys apart, whatever the engine does to them", () => {
    // The shapes that mislead V8: https://github.com/nodejs/node/issues/63785
    for (const key of [String.raw`\\`, String.raw`x\\`, String.raw`\n`]) JSON.parse(`{"h":1,"${key}":1}`)
    for (const key of ['"', "\n", "\t", "\\", 'x"', "x\n", "\u0001"]) {
      const line = `{"h":1,${JSON.stringify(key)}:{"v":"\\n"}}`
      assert.deepStrictEqual(TaraSON.parse(bytes(` ${line}`)), { h: 1, [key]: { v: "\n" } })
      assert.deepStrictEqual(TaraSON.parseCanonical(bytes(line.replace('"h":1,', ""))), { [key]: { v: "\n" } })
      assert.deepStrictEqual(TaraSON.parseTrusted(line), { h: 1, [key]: { v: "\n" } })
    }
  })

  it("is too large if its canonical form is", () => {
    const line = `{"a":[${Array.from({ length: 100_000 }, () => "1e20").join(",")}]}`
    assert.strictEqual(refused(line), "RecordTooLarge")
  })

  it("may be part of a larger buffer", () => {
    const all = bytes('xx{"a":1}yy')
    assert.deepStrictEqual(TaraSON.parseCanonical(all.subarray(2, 9)), { a: 1 })
    assert.deepStrictEqual(TaraSON.parseCanonical(new Uint8Array(all).subarray(2, 9)), { a: 1 })
  })
})

describe("a line of a segment", () => {
  it("must equal its canonical bytes", () => {
    const others = [
      '{ "a":1}',
      '{"a":1} ',
      '{"b":1,"a":2}',
      '{"a":1.0}',
      '{"a":-0}',
      String.raw`{"a":"\u0061"}`,
      String.raw`{"a":"\/"}`
    ]
    for (const line of others) {
      TaraSON.parse(bytes(line))
      assert.strictEqual(refusal(() => TaraSON.parseCanonical(bytes(line))).reason._tag, "NotCanonical")
    }
    assert.strictEqual(refusal(() => TaraSON.parseCanonical(bytes('{"a":1,"a":1}'))).reason._tag, "DuplicateKey")
    assert.deepStrictEqual(TaraSON.parseCanonical(bytes('{"$type":"LiteLib.Meta","a":{}}')), {
      $type: "LiteLib.Meta",
      a: {}
    })
  })
})
