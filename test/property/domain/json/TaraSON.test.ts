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
