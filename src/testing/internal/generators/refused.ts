/** Values and lines that are refused as records, with the reason. */
import type * as fc from "fast-check"
import { encode, toBytes } from "../../../domain/json/TaraSON.ts"
import type { FastCheck, RefusedLine, RefusedRecord } from "./types.ts"
import { depthMax, type Texts, type Values } from "./values.ts"

const recordBytesMax = 1024 * 1024

type Reason = RefusedRecord["reason"]

class Instance {
  readonly field = 1
}

class Listing extends Array<number> {}

/** Made anew each time: some of them change when they are used. */
const notJson: ReadonlyArray<() => unknown> = [
  () => undefined,
  () => () => 1,
  () => Symbol("no value"),
  () => 1n,
  () => new Date(0),
  () => new Map([["a", 1]]),
  () => new Instance(),
  () => new Uint8Array(3),
  () => Object(1) as unknown,
  () => Listing.of(1, 2),
  () => /a/,
  () => ({
    get a() {
      return 1
    }
  }),
  () => new Proxy({}, {}),
  () => ({ [Symbol("key")]: 1 }),
  // oxlint-disable-next-line no-sparse-arrays -- a hole is what is meant
  () => [1, , 2],
  () => {
    const cycle: { inner?: unknown } = {}
    cycle.inner = { back: cycle }
    return cycle
  }
]

/** Returns an object with an own key `__proto__`, as `JSON.parse` makes it. */
const withProto = (value: unknown): object => Object.fromEntries([["__proto__", value]])

const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])

export const refusedRecordOf = (
  fc: FastCheck,
  { illFormedText, key }: Texts,
  { json, record }: Values
): fc.Arbitrary<RefusedRecord> => {
  const of = (reason: Reason, record: fc.Arbitrary<unknown>) => record.map((given) => ({ record: given, reason }))
  /** Puts a value somewhere into a record that is valid otherwise. */
  const within = (wrong: fc.Arbitrary<unknown>): fc.Arbitrary<object> =>
    fc.tuple(wrong, record, key, json, fc.nat({ max: 3 })).map(([value, others, name, other, place]) => ({
      ...others,
      [name === "$type" ? "x" : name]: [value, [other, value], { a: other, b: value }, [{ c: [value] }]][place]
    }))
  return fc.oneof(
    of("NotJsonValue", within(fc.constantFrom(...notJson).map((make) => make()))),
    of(
      "NotJsonValue",
      fc.tuple(record, fc.constantFrom(1, null, true, [], {})).map(([others, type]) => ({ ...others, $type: type }))
    ),
    of("UnrepresentableNumber", within(fc.constantFrom(Number.NaN, Infinity, -Infinity))),
    of("IllFormedString", within(illFormedText)),
    of("IllFormedString", within(illFormedText.map((key) => ({ [key]: 1 })))),
    of("ForbiddenKey", within(json.map(withProto))),
    of(
      "ReservedType",
      fc
        .tuple(record, fc.constantFrom("LiteTape.", "LiteLib."), fc.string({ maxLength: 5 }))
        .map(([others, namespace, name]) => ({ ...others, $type: namespace + name }))
    ),
    of("NotARecord", fc.oneof(fc.constant(null), fc.array(json), fc.string(), fc.integer(), fc.boolean())),
    of(
      "NestingTooDeep",
      fc.integer({ min: depthMax, max: 2000 }).map((levels) => ({ deep: nested(levels) }))
    ),
    // There are eleven bytes around the text.
    of(
      "RecordTooLarge",
      fc.integer({ min: 1, max: 9 }).map((more) => ({ long: "x".repeat(recordBytesMax - 11 + more) }))
    )
  )
}

export const refusedLineOf = (fc: FastCheck, { key }: Texts, { record }: Values): fc.Arbitrary<RefusedLine> => {
  const text = record.map((value) => encode(value))
  const of = (reason: RefusedLine["reason"], line: fc.Arbitrary<string>) =>
    line.map((given) => ({ line: toBytes(given), reason }))
  const numbers = ["1e400", "-1e400", "9007199254740993", "-9007199254740992999"]
  return fc.oneof(
    text.map((line): RefusedLine => {
      const bytes = toBytes(`${line}\u0000`)
      bytes[bytes.length - 1] = 0xff
      return { line: bytes, reason: "InvalidEncoding" }
    }),
    of(
      "InvalidEncoding",
      text.map((line) => `\ufeff${line}`)
    ),
    of(
      "NotJson",
      text.map((line) => line.slice(0, -1))
    ),
    of(
      "NotJson",
      fc.tuple(text, text).map((lines) => lines.join(""))
    ),
    of("NotARecord", fc.constantFrom("[]", "null", "1", '"a"', "true")),
    of(
      "DuplicateKey",
      key.map((name) => `{${JSON.stringify(name)}:1,${JSON.stringify(name)}:2}`)
    ),
    of(
      "NotCanonical",
      text.map((line) => `{ ${line.slice(1)}`)
    ),
    of("NotCanonical", fc.constantFrom('{"b":1,"a":2}', '{"a":1.0}', '{"a":-0}', '{"a":"\\u0041"}', '{"a":1e0}')),
    of(
      "UnrepresentableNumber",
      fc.constantFrom(...numbers).map((number) => `{"n":[${number}]}`)
    ),
    of("IllFormedString", fc.constantFrom('{"a":"\\ud800"}', '{"\\udfff":1}', '{"a":["\\ufffe"]}', '{"a":"\uffff"}')),
    of("ForbiddenKey", fc.constantFrom('{"__proto__":1}', '{"a":[{"__proto__":{}}]}', '{"\\u005f_proto__":1}')),
    of(
      "NestingTooDeep",
      fc.integer({ min: depthMax, max: 100_000 }).map((n) => `{"a":${"[".repeat(n)}${"]".repeat(n)}}`)
    ),
    of(
      "RecordTooLarge",
      fc.integer({ min: 1, max: 9 }).map((more) => `{"long":"${"x".repeat(recordBytesMax - 11 + more)}"}`)
    )
  )
}
