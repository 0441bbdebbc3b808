/** What a record may hold, with a liking for what goes wrong: shared by all properties. */
import * as fc from "fast-check"
import type { Json, JsonObject } from "../../src/domain/TaraSON.ts"

const refused = /[\p{Surrogate}\p{Noncharacter_Code_Point}]/u

const nastyTexts = [
  "",
  '"',
  "\\",
  '\\"',
  "\u0000",
  "\b\t\n\f\r\u001f\u007f",
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

/** Any string that a record may hold. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }).filter((value) => !refused.test(value)),
  fc.string({ unit: "grapheme", maxLength: 80 }),
  fc.constantFrom(...nastyTexts)
)

/** A string that no record may hold, as a key or as a value. */
export const illFormedText: fc.Arbitrary<string> = fc
  .tuple(
    fc.string({ maxLength: 80 }),
    fc.constantFrom(
      "\ud800",
      "\udfff",
      "\udc00\ud800",
      "\ufdd0",
      "\ufdef",
      "\ufffe",
      "\uffff",
      "\u{1fffe}",
      "\u{10ffff}"
    ),
    fc.string({ maxLength: 3 })
  )
  .map((parts) => parts.join(""))

/** Any key that a record may have. Many look like indices, which engines enumerate in an order of their own. */
export const key: fc.Arbitrary<string> = fc.oneof(
  text.filter((value) => value !== "__proto__"),
  fc.string({ minLength: 1, maxLength: 2 }),
  fc.nat({ max: 30 }).map(String),
  fc.constantFrom(
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
  )
)

/** Any finite number, the turning points of its text included. */
export const number: fc.Arbitrary<number> = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(
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
  )
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

/** A value inside of up to a hundred containers. */
const deep: fc.Arbitrary<Json> = fc
  .tuple(value, fc.array(fc.option(key), { minLength: 1, maxLength: 100, size: "max" }))
  .map(([inner, keys]) => keys.reduce<Json>((at, key) => (key === null ? [at] : { [key]: at }), inner))

/** Any lite JSON value. */
export const json: fc.Arbitrary<Json> = fc.oneof({ weight: 9, arbitrary: value }, { weight: 1, arbitrary: deep })

/** Any user record. */
export const record: fc.Arbitrary<JsonObject> = fc
  .tuple(fc.dictionary(key, json, { maxKeys: 10 }), fc.option(text.filter((type) => !type.startsWith("Lite"))))
  .map(([members, type]) => {
    Reflect.deleteProperty(members, "$type")
    if (type !== null) members["$type"] = type
    return members
  })

/** The same value with the members of every object in another order; `seed` chooses which. */
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
