/** The examples of RFC 8785. */
import { assert, describe, it } from "@effect/vitest"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"

const double = (bits: string): number => Buffer.from(bits, "hex").readDoubleBE()

describe("RFC 8785 appendix B: numbers by their bits", () => {
  const cases: ReadonlyArray<readonly [bits: string, text: string]> = [
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["44b52d02c7e14af7", "1.0000000000000001e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef4f", "999999999999999900000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["41b3de4355555554", "333333333.33333325"],
    ["41b3de4355555555", "333333333.3333333"],
    ["41b3de4355555556", "333333333.3333334"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"]
  ]
  for (const [bits, text] of cases) {
    it(`encodes ${bits} as ${text}`, () => assert.strictEqual(TaraSON.encodeValue(double(bits)), text))
  }

  for (const bits of ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"]) {
    it(`refuses ${bits}`, () =>
      assert.throws(() => TaraSON.encodeValue([double(bits)]), /^UnrepresentableNumber at \/0:/))
  }
})

describe("RFC 8785 section 3.2", () => {
  it("3.2.2 to 3.2.4: encodes literals, numbers and strings to exactly these bytes", () => {
    const input = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`
    const bytes = `
      7b 22 6c 69 74 65 72 61 6c 73 22 3a 5b 6e 75 6c 6c 2c 74 72
      75 65 2c 66 61 6c 73 65 5d 2c 22 6e 75 6d 62 65 72 73 22 3a
      5b 33 33 33 33 33 33 33 33 33 2e 33 33 33 33 33 33 33 2c 31
      65 2b 33 30 2c 34 2e 35 2c 30 2e 30 30 32 2c 31 65 2d 32 37
      5d 2c 22 73 74 72 69 6e 67 22 3a 22 e2 82 ac 24 5c 75 30 30
      30 66 5c 6e 41 27 42 5c 22 5c 5c 5c 5c 5c 22 2f 22 7d`
    const record = TaraSON.parse(TaraSON.toBytes(input))
    assert.strictEqual(
      Buffer.from(TaraSON.toBytes(TaraSON.encode(record))).toString("hex"),
      bytes.replaceAll(/\s/g, "")
    )
  })

  it("3.2.3: sorts keys by UTF-16 units", () => {
    const record = {
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis"
    }
    const text =
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis",' +
      '"\u20ac":"Euro Sign","\ud83d\ude00":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'
    assert.strictEqual(TaraSON.encode(record), text)
    const bytes =
      "7b225c72223a2243617272696167652052657475726e222c2231223a224f6e65222c22c280223a22436f6e74726f6c222c22c3b6223a22" +
      "4c6174696e20536d616c6c204c6574746572204f205769746820446961657265736973222c22e282ac223a224575726f205369676e222c" +
      "22f09f9880223a22456d6f6a693a204772696e6e696e672046616365222c22efacb3223a22486562726577204c65747465722044616c65" +
      "7420576974682044616765736822" +
      "7d"
    assert.strictEqual(Buffer.from(TaraSON.toBytes(text)).toString("hex"), bytes)
  })

  it("sorts keys within each object, keeps the order of arrays, and treats indices like other keys", () => {
    const record = {
      b: [{ z: 1, a: 2 }, { "10": 1, "9": 2, "1": 3 }, "b", "a"],
      a: { "": { "~": [], "/": {} } },
      A: null
    }
    assert.strictEqual(
      TaraSON.encode(record),
      '{"A":null,"a":{"":{"/":{},"~":[]}},"b":[{"a":2,"z":1},{"1":3,"10":1,"9":2},"b","a"]}'
    )
  })

  it("writes control characters, markup and JavaScript's line ends unescaped, except for C0", () => {
    assert.strictEqual(
      TaraSON.encodeValue("\u0000\b\t\n\u000b\f\r\u001f\u007f\u0080\u2028\u2029</script>"),
      '"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\u007f\u0080\u2028\u2029</script>"'
    )
  })
})

describe("a record id", () => {
  // printf '{"$type":"Greeted","at":1,"name":"Ada"}' | sha256sum
  const id = "sha256:09605eb717eb97d8821870cf76b737417b39b0340348438fef03a7bb7e64124b"

  it("is the SHA-256 of the canonical bytes, from text or bytes", () => {
    const text = TaraSON.encode({ name: "Ada", at: 1, $type: "Greeted" })
    assert.strictEqual(text, '{"$type":"Greeted","at":1,"name":"Ada"}')
    assert.strictEqual(TaraSON.recordId(text), id)
    assert.strictEqual(TaraSON.recordId(TaraSON.toBytes(text)), id)
  })
})
