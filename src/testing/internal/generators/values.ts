/** Values that a record may hold, with a preference for those that cause trouble. */
import type * as fc from "fast-check"
import { encode, type Json, type JsonObject, toBytes } from "../../../domain/json/TaraSON.ts"
import type { FastCheck } from "./types.ts"

const refused = /[\p{Surrogate}\p{Noncharacter_Code_Point}]/u

const nastyTexts = [
  "",
  '"',
  "\\",
  '\\"',
  "\u0000",
  "\b\t\n\f\r\u001f\u007f",
  String.fromCharCode(...Array.from({ length: 32 }, (_, code) => code)),
  "\u0080\u0085\u00a0\u00ff",
  "\u2028\u2029",
  "\ufeff\ufb33\ufffd",
  "\u{1f600}\u{10fffd}",
  "e\u0301\u00e9",
  "__proto__",
  "LiteTape.Meta",
  "\\ud800",
  "a".repeat(64),
  "b".repeat(65),
  `${"c".repeat(64)}\u00e9`,
  `${"d".repeat(70)}"\n`
]

const nastyKeys = [
  "constructor",
  "toString",
  "hasOwnProperty",
  "toJSON",
  "length",
  "/",
  "~",
  "~1",
  "a/b",
  "a: b",
  "00",
  "-1",
  "4294967294",
  "4294967295",
  "\u20ac",
  "\r"
]

const nastyNumbers = [
  0,
  -0,
  5e-324,
  1e-7,
  1e-6,
  0.1,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 53,
  1e21,
  1e20,
  Number.MAX_VALUE
]

const illFormed = [
  "\ud800",
  "\udfff",
  "\udc00\ud800",
  "\ufdd0",
  "\ufdef",
  "\ufffe",
  "\uffff",
  "\u{1fffe}",
  "\u{10ffff}"
]

export interface Texts {
  readonly text: fc.Arbitrary<string>
  readonly illFormedText: fc.Arbitrary<string>
  readonly key: fc.Arbitrary<string>
}

export const textsOf = (fc: FastCheck): Texts => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }).filter((value) => !refused.test(value)),
    fc.string({ unit: "grapheme", maxLength: 80 }),
    fc.constantFrom(...nastyTexts)
  )
  return {
    text,
    illFormedText: fc
      .tuple(fc.string({ maxLength: 80 }), fc.constantFrom(...illFormed), fc.string({ maxLength: 3 }))
      .map((parts) => parts.join("")),
    // Many look like indices, which engines enumerate in an order of their own.
    key: fc.oneof(
      { weight: 9, arbitrary: text.filter((value) => value !== "__proto__") },
      { weight: 9, arbitrary: fc.string({ minLength: 1, maxLength: 2 }) },
      { weight: 9, arbitrary: fc.nat({ max: 30 }).map(String) },
      { weight: 9, arbitrary: fc.constantFrom(...nastyKeys) },
      { weight: 1, arbitrary: fc.nat({ max: 3000 }).map((length) => "k\u00e9".repeat(length)) }
    )
  }
}

export interface Values {
  readonly number: fc.Arbitrary<number>
  readonly json: fc.Arbitrary<Json>
  readonly record: fc.Arbitrary<JsonObject>
  readonly deepestRecord: fc.Arbitrary<JsonObject>
}

/** Containers in a record, itself included, at most, in a lib with the default limits. */
export const depthMax = 128

export const valuesOf = (fc: FastCheck, { text, key }: Texts): Values => {
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.constantFrom(...nastyNumbers)
  )
  const primitive: fc.Arbitrary<Json> = fc.oneof(text, number, fc.boolean(), fc.constant(null))
  const { value } = fc.letrec<{ readonly value: Json }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      primitive,
      fc.array(tie("value"), { maxLength: 6 }),
      fc.dictionary(key, tie("value"), { maxKeys: 8 })
    )
  }))
  const wrapped = (inner: fc.Arbitrary<Json>, least: number, most: number): fc.Arbitrary<Json> =>
    fc
      .tuple(inner, fc.array(fc.option(key), { minLength: least, maxLength: most, size: "max" }))
      .map(([inside, keys]) => keys.reduce<Json>((at, key) => (key === null ? [at] : { [key]: at }), inside))
  const json = fc.oneof({ weight: 9, arbitrary: value }, { weight: 1, arbitrary: wrapped(value, 1, 100) })
  const record = fc
    .tuple(fc.dictionary(key, json, { maxKeys: 10 }), fc.option(text.filter((type) => !type.startsWith("Lite"))))
    .map(([members, type]): JsonObject => {
      Reflect.deleteProperty(members, "$type")
      if (type !== null) members["$type"] = type
      return members
    })
  const deepestRecord = wrapped(primitive, depthMax - 1, depthMax - 1).map((value): JsonObject => ({ deep: value }))
  return { number, json, record, deepestRecord }
}

/** Returns the same value with the members of every object in another order, which `seed` chooses. */
export const shuffled = (value: Json, seed: number): Json => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return (value as ReadonlyArray<Json>).map((element) => shuffled(element, seed))
  const entries = Object.entries(value)
  let state = seed
  for (let last = entries.length - 1; last > 0; last--) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    const other = state % (last + 1)
    const moved = entries[last]!
    entries[last] = entries[other]!
    entries[other] = moved
  }
  return Object.fromEntries(entries.map(([key, member]) => [key, shuffled(member, seed)]))
}

/** Makes lines that often repeat others: none do, some do, or all do; a few are long. */
export const linesOf = (fc: FastCheck, { text }: Texts): fc.Arbitrary<ReadonlyArray<Uint8Array>> => {
  const line = (value: JsonObject): Uint8Array => toBytes(encode(value))
  const one: fc.Arbitrary<Uint8Array> = fc.oneof(
    { weight: 8, arbitrary: text.map((value) => line({ value })) },
    { weight: 4, arbitrary: fc.nat(9).map((n) => line({ n })) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 40_000 }).map((n) => line({ long: "x".repeat(n), n })) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 65_000, max: 300_000 }).map((n) => line({ long: "\u00e9\u2028".repeat(n / 5) }))
    }
  )
  const selector = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1")
  return fc.oneof(
    fc.uniqueArray(one, { minLength: 1, maxLength: 60, selector }),
    fc.tuple(one, fc.integer({ min: 1, max: 60 })).map(([same, times]) => Array.from({ length: times }, () => same)),
    fc
      .tuple(fc.array(one, { minLength: 1, maxLength: 8 }), fc.array(fc.nat(), { minLength: 1, maxLength: 300 }))
      .map(([pool, picks]) => picks.map((pick) => pool[pick % pool.length]!)),
    // Like two segments with the same records that are merged.
    fc.array(one, { minLength: 1, maxLength: 40 }).map((half) => half.concat(half))
  )
}
