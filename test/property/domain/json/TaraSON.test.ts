import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { flatten, parseLines, render, unflatten } from "../../../../src/domain/json/FlatView.ts"
import { defaultLimits } from "../../../../src/domain/format/Limits.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import type { Json, JsonObject } from "../../../../src/domain/json/TaraSON.ts"
import { TaraSONError } from "../../../../src/domain/json/TaraSONError.ts"
import * as Arbitraries from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"

const check = <Ts extends [unknown, ...Array<unknown>]>(property: fc.IProperty<Ts>, factor = 1) =>
  fc.assert(property, { numRuns: runs * factor })

/** RFC 8785 in its simplest form. */
const reference = (value: Json): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(reference).join(",")}]`
  const object = value as JsonObject
  const members = Object.keys(object)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${reference(object[key]!)}`)
  return `{${members.join(",")}}`
}

/** Ordinary prototypes, and 0 for -0: the form that reading returns. */
const asRead = (value: Json): Json => {
  if (value === 0) return 0
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(asRead)
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, asRead(member)]))
}

const utf8 = (text: string) => new TextEncoder().encode(text)

const digits = (max: number) => fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength: max })

/** Literals as other programs may write them, with many digits. */
const literal = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.oneof(fc.constant("0"), fc.constant("9007199254740993"), digits(24)).map((text) => text.replace(/^0+(?=.)/, "")),
    fc.option(fc.oneof(digits(30), fc.constantFrom("0", "000")), { nil: undefined }),
    fc.option(fc.tuple(fc.constantFrom("e", "E+", "e-"), fc.nat(500)), { nil: undefined })
  )
  .map(([sign, integer, fraction, exponent]) => ({
    integer: `${sign}${integer}`,
    isInteger: (fraction === undefined || /^0*$/.test(fraction)) && exponent === undefined,
    isZero: /^0*$/.test(`${integer}${fraction ?? ""}`),
    text: `${sign}${integer}${fraction === undefined ? "" : `.${fraction}`}${exponent === undefined ? "" : exponent.join("")}`
  }))

describe("a number in a foreign text", () => {
  it("is read as the nearest double, unless it is an integer that would change, or would become zero or infinite", () =>
    check(
      fc.property(literal, ({ integer, isInteger, isZero, text }) => {
        const value = Number(text)
        // BigInt reads no exponent, but an integer that is printed with one is refused.
        const isKept = !isInteger || (!String(value).includes("e") && BigInt(String(value)) === BigInt(integer))
        const isAccepted = Number.isFinite(value) && (value !== 0 || isZero) && isKept
        const read = () => TaraSON.parse(utf8(`{"a":[0, ${text}]}`))
        if (isAccepted) assert.deepStrictEqual(read(), { a: [0, value] }, text)
        else assert.throws(read, /^UnrepresentableNumber at \/a\/1/, text)
      }),
      5
    ))
})

describe("canonical form", () => {
  it("equals RFC 8785, whatever code path writes it", () =>
    check(
      fc.property(Arbitraries.json, (value) => assert.strictEqual(TaraSON.encodeValue(value), reference(value))),
      5
    ))

  it("is a fixed point", () =>
    check(
      fc.property(Arbitraries.record, (record) => {
        const text = TaraSON.encode(record)
        assert.strictEqual(TaraSON.encode(TaraSON.parseTrusted(text)), text)
      })
    ))

  it("does not depend on the order of keys", () =>
    check(
      fc.property(Arbitraries.record, fc.nat(), (record, seed) => {
        const other = Arbitraries.shuffled(record, seed)
        assert.strictEqual(TaraSON.encode(other), TaraSON.encode(record))
        assert.isTrue(TaraSON.equals(record, other))
      }),
      2
    ))

  it("does not depend on earlier records", () =>
    check(
      fc.property(fc.array(Arbitraries.record, { minLength: 2, maxLength: 60 }), (records) => {
        for (let round = 0; round < 2; round++) {
          for (const record of records) assert.strictEqual(TaraSON.encode(record), reference(record))
        }
      })
    ))

  it("is read as the same record", () =>
    check(
      fc.property(Arbitraries.record, (record) => {
        const line = TaraSON.toBytes(TaraSON.encode(record))
        assert.deepStrictEqual(TaraSON.parse(line), asRead(record))
        assert.deepStrictEqual(TaraSON.parseCanonical(line), asRead(record))
      }),
      2
    ))

  it("fits a limit of exactly its size", () =>
    check(
      fc.property(Arbitraries.record, (record) => {
        const text = TaraSON.encode(record)
        const size = TaraSON.toBytes(text).length
        assert.strictEqual(TaraSON.encode(record, { ...defaultLimits, recordBytesMax: size }), text)
        assert.throws(() => TaraSON.encode(record, { ...defaultLimits, recordBytesMax: size - 1 }), /^RecordTooLarge/)
      })
    ))

  it("refuses an ill-formed string in any place", () =>
    check(
      fc.property(Arbitraries.illFormedText, Arbitraries.json, fc.nat({ max: 3 }), (text, value, place) => {
        const wrong = [{ [text]: value }, { a: value, b: text }, { a: [value, text] }, { a: { b: { [text]: 0 } } }][
          place
        ]
        assert.throws(() => TaraSON.encode(wrong), /^IllFormedString/)
      })
    ))
})

describe("foreign bytes", () => {
  it("need not be canonical", () =>
    check(
      fc.property(Arbitraries.record, fc.nat(), fc.constantFrom("", " ", "\n\t"), (record, seed, space) => {
        const foreign = JSON.stringify(Arbitraries.shuffled(record, seed), undefined, space)
        assert.deepStrictEqual(TaraSON.parse(utf8(foreign)), asRead(record))
      }),
      2
    ))

  it("are never mistaken for other bytes after a change of one byte", () =>
    check(
      fc.property(Arbitraries.record, fc.nat(), fc.integer({ min: 0, max: 255 }), (record, place, byte) => {
        const line = TaraSON.toBytes(TaraSON.encode(record))
        line[place % line.length] = byte
        try {
          assert.deepStrictEqual(TaraSON.toBytes(TaraSON.encodeValue(TaraSON.parseCanonical(line))), line)
        } catch (error) {
          assert.instanceOf(error, TaraSONError)
        }
      }),
      20
    ))

  it("of any kind return a record or a typed error", () =>
    check(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0019eE+-.truefalsn '), maxLength: 40 }).map(utf8)
        ),
        (line) => {
          try {
            const record = TaraSON.parse(line)
            assert.deepStrictEqual(TaraSON.parseCanonical(TaraSON.toBytes(TaraSON.encodeValue(record))), record)
          } catch (error) {
            assert.instanceOf(error, TaraSONError)
          }
        }
      ),
      20
    ))

  it("are refused if a key occurs twice, however the key is escaped", () =>
    check(
      fc.property(Arbitraries.key, Arbitraries.json, Arbitraries.json, fc.boolean(), (key, a, b, escaped) => {
        const spelled = escaped
          ? `"${Array.from({ length: key.length }, (_, at) => `\\u${key.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")}"`
          : JSON.stringify(key)
        const line = `{"x":[{${JSON.stringify(key)}:${JSON.stringify(a)}, ${spelled}:${JSON.stringify(b)}}]}`
        assert.throws(() => TaraSON.parse(utf8(line)), /^DuplicateKey at \/x\/0\//)
      })
    ))
})

describe("flat view", () => {
  it("loses nothing, as entries and as lines, in any order", () =>
    check(
      fc.property(Arbitraries.record, (record) => {
        const entries = flatten(record)
        assert.deepStrictEqual(unflatten(entries), asRead(record))
        assert.deepStrictEqual(unflatten(entries.toReversed()), asRead(record))
        assert.deepStrictEqual(parseLines(render(entries)), entries)
      }),
      2
    ))

  it("is equal for equal records", () =>
    check(
      fc.property(Arbitraries.record, fc.nat(), (record, seed) =>
        assert.deepStrictEqual(flatten(Arbitraries.shuffled(record, seed) as JsonObject), flatten(record))
      )
    ))

  it("is refused without one of its containers, or with any entry twice", () =>
    check(
      fc.property(Arbitraries.record, fc.nat(), (record, choice) => {
        const entries = flatten(record)
        const at = choice % entries.length
        assert.throws(() => unflatten([...entries, entries[at]!]), /^NotAFlatView/)
        const holds = entries.some(([pointer]) => pointer.startsWith(`${entries[at]![0]}/`))
        if (holds) assert.throws(() => unflatten(entries.toSpliced(at, 1)), /^NotAFlatView/)
      })
    ))
})
