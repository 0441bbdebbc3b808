import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Event from "../../../../src/domain/event/Event.ts"
import { isReservedType } from "../../../../src/domain/format/Format.ts"
import { found, scanEvent, scanRecord, unknown } from "../../../../src/domain/json/canonicalScan.ts"
import { defaultLimits } from "../../../../src/domain/format/Limits.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import * as Arbitraries from "../../../support/arbitraries.ts"
import { runs } from "../../../support/runs.ts"

const { depthMax } = defaultLimits

const check = <Ts extends [unknown, ...Array<unknown>]>(property: fc.IProperty<Ts>) =>
  fc.assert(property, { numRuns: runs * 15 })

/** The verdict of parser and printer. */
const parsed = (line: Uint8Array, depth = depthMax): TaraSON.JsonObject | undefined => {
  try {
    const record = TaraSON.parseCanonical(line, { ...defaultLimits, depthMax: depth })
    const type = record["$type"]
    return typeof type === "string" && isReservedType(type) ? undefined : record
  } catch {
    return undefined
  }
}

const eventOf = (record: TaraSON.JsonObject | undefined): Event.RecordedEvent | undefined => {
  try {
    return record === undefined ? undefined : Event.fromRecord(record)
  } catch {
    return undefined
  }
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8")

/**
 * A line in every context: at the end of its memory, and before a newline, another line, or bytes that seem to continue
 * it.
 */
const surroundings = (line: Uint8Array): Array<readonly [Uint8Array, number]> => [
  [line, 0],
  ...["\n", '\n{"a":1}\n', "}", '"', "0", ",", "]"].map(
    (behind) => [Buffer.concat([Buffer.from("{x"), line, Buffer.from(behind)]), 2] as const
  )
]

/** Checks that the scan never accepts a line that is not canonical, or not an event. */
const isRight = (line: Uint8Array): void => {
  const record = parsed(line)
  const event = eventOf(record)
  for (const [bytes, start] of surroundings(line)) {
    if (scanRecord(bytes, start, depthMax) === start + line.length) {
      assert.isDefined(record, `taken for canonical: ${text(line)}`)
    }
    if (scanEvent(bytes, start, depthMax) !== start + line.length) continue
    assert.isDefined(event, `taken for an event: ${text(line)}`)
    const { idEnd, idStart, position, revision, streamEnd, streamStart } = found
    assert.deepStrictEqual(
      {
        position,
        revision,
        stream: text(bytes.subarray(streamStart, streamEnd)),
        id: text(bytes.subarray(idStart, idEnd))
      },
      { position: event!.position, revision: event!.revision, stream: event!.stream, id: event!.id }
    )
  }
}

const isKnown = (line: Uint8Array): boolean => scanRecord(line, 0, depthMax) === line.length

const utf8 = (source: string) => new Uint8Array(Buffer.from(source))

/** Bytes with a meaning in JSON, UTF-8 or the rules of records. */
const telling = fc.oneof(
  fc.constantFrom(...Buffer.from('{}[]",:\\/ubfnrt0123456789.-+eE \t\n\x00\x1f\x7f$aLit_')),
  fc.constantFrom(0x80, 0xbf, 0xc0, 0xc3, 0xed, 0xa0, 0xef, 0xb7, 0x90, 0xbe, 0xf0, 0x9f, 0xf4, 0x8f, 0xff),
  fc.nat(255)
)

const changes = fc.array(
  fc.record({
    kind: fc.constantFrom("set", "insert", "remove", "repeat", "swap"),
    at: fc.nat(),
    byte: telling,
    length: fc.nat(12)
  }),
  { minLength: 1, maxLength: 3 }
)

type Change = { kind: string; at: number; byte: number; length: number }

const change = (line: Uint8Array, { at, byte, kind, length }: Change): Uint8Array => {
  const bytes = [...line]
  const place = at % (bytes.length + 1)
  if (kind === "set") bytes[Math.min(place, bytes.length - 1)] = byte
  if (kind === "insert") bytes.splice(place, 0, byte)
  if (kind === "remove") bytes.splice(place, 1)
  if (kind === "repeat") bytes.splice(place, 0, ...bytes.slice(place, place + length))
  if (kind === "swap") bytes.splice(place, 2, ...bytes.slice(place, place + 2).toReversed())
  return new Uint8Array(bytes)
}

const short = fc.string({ maxLength: 8 })
const anyText = fc.oneof(short, Arbitraries.text, fc.string({ unit: "binary", maxLength: 6 }))

const event = fc.record(
  {
    $type: fc.oneof(fc.constantFrom("OrderPlaced", "Lite", "LiteTape.Same"), anyText),
    data: Arbitraries.json,
    id: fc.oneof(fc.uuid(), anyText),
    metadata: fc.dictionary(short, Arbitraries.json, { maxKeys: 3 }),
    position: fc.oneof(fc.nat(), fc.maxSafeNat(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })),
    revision: fc.oneof(fc.nat(), fc.integer()),
    stream: fc.oneof(fc.constantFrom("order-17", "größe-1"), anyText),
    tags: fc.array(fc.oneof({ weight: 5, arbitrary: anyText }, { weight: 1, arbitrary: Arbitraries.json }), {
      maxLength: 3
    }),
    time: fc.constantFrom("2026-01-02T03:04:05.678Z")
  },
  { requiredKeys: ["data", "metadata", "position", "revision"] }
)

/** Canonical lines of records that may or may not be events. */
const line = fc
  .oneof(
    Arbitraries.record,
    event,
    fc.tuple(event, fc.dictionary(short, Arbitraries.json, { maxKeys: 2 })).map(([a, b]) => ({ ...b, ...a }))
  )
  .map((record) => {
    try {
      return utf8(TaraSON.encodeValue(record))
    } catch {
      return utf8("{}")
    }
  })

const digits = fc.string({ unit: fc.constantFrom(..."0123456789009"), maxLength: 18 })

/** Texts that are numbers, or nearly. */
const numberText = fc
  .tuple(
    fc.constantFrom("", "-", "+"),
    digits,
    fc.constantFrom("", "."),
    digits,
    fc.constantFrom("", "e1", "E+2", "e-7")
  )
  .map((parts) => parts.join(""))

const decimal = fc.double({ min: -1e9, max: 1e9, noNaN: true }).chain((value) => fc.nat(9).map((n) => value.toFixed(n)))

const escape = fc.oneof(
  fc.constantFrom(
    ...'"\\/bfnrtu',
    "u0000",
    "u000a",
    "u001f",
    "u001F",
    "u0020",
    "u007f",
    "u00e9",
    "ud800",
    "udc00\\ud800"
  ),
  fc.oneof(fc.nat(0x20), fc.nat(0xffff)).map((unit) => `u${unit.toString(16).padStart(4, "0")}`)
)
const rawText = fc
  .array(
    fc.oneof(
      short,
      fc.nat(0x7f).map((code) => String.fromCharCode(code)),
      escape.map((one) => `\\${one}`),
      Arbitraries.text,
      Arbitraries.illFormedText
    ),
    { maxLength: 4 }
  )
  .map((parts) => `"${parts.join("")}"`)

describe("the canonical scan", () => {
  it("never accepts a line that is not canonical", () => check(fc.property(line, isRight)))

  it("never accepts a line after a few bytes changed, unless it is still canonical", () =>
    check(fc.property(line, changes, (before, all) => isRight(all.reduce(change, before)))))

  it("accepts numbers only in their one canonical form", () =>
    check(fc.property(fc.oneof(numberText, decimal), (number) => isRight(utf8(`{"a":${number}}`)))))

  it("accepts strings only in their one canonical form", () =>
    check(fc.property(rawText, (string) => isRight(utf8(`{"a":${string}}`)))))

  it("accepts keys only in order, each once, and only allowed ones", () =>
    check(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom("", "a", "aa", "b", "!", "__proto__", "$type"), short), { maxLength: 5 }),
        (keys) => isRight(utf8(`{${keys.map((key) => `${JSON.stringify(key)}:1`).join(",")}}`))
      )
    ))

  it("accepts no line that is deeper than the limit", () =>
    check(
      fc.property(fc.nat(12), fc.nat(12), fc.constantFrom("[]", "{}", "1"), (levels, depth, inner) => {
        const deep = utf8(`{"a":${"[".repeat(levels)}${inner}${"]".repeat(levels)}}`)
        // The parser measures the depth only of lines that are longer than the limit: a shorter one cannot be deeper.
        const isFine = depth >= 1 && parsed(deep, depth) !== undefined
        assert.strictEqual(scanRecord(deep, 0, depth) === deep.length, isFine)
      })
    ))

  it("accepts every usual line", () => {
    const usual = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.integer({ min: -99_999_999, max: 99_999_999 }).map((cents) => cents / 100),
        fc.constantFrom("", "Ada", "größe", "日本", "🙂", 'say "hi"\\\n\t\u0001\u001f\u007f'),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(fc.constantFrom("a", "b", "aa", "$type", "", "~"), tie("value"), { maxKeys: 4 })
      )
    })).value
    check(
      fc.property(fc.dictionary(fc.constantFrom("a", "b", "kind"), usual), (record) => {
        assert.isTrue(isKnown(utf8(TaraSON.encodeValue(record))))
      })
    )
  })

  it("accepts every usual event", () =>
    check(
      fc.property(
        fc.nat(),
        fc.nat(),
        Arbitraries.json,
        fc.array(short),
        fc.uuid(),
        (position, revision, _data, tags, id) => {
          const record = {
            $type: "Placed",
            data: { cents: 1.25 },
            id,
            metadata: {},
            position,
            revision,
            stream: "order-1",
            tags,
            time: ""
          }
          const bytes = utf8(TaraSON.encodeValue(record))
          assert.strictEqual(scanEvent(bytes, 0, depthMax), bytes.length)
        }
      )
    ))

  it("accepts an event only if every field has its type", () => {
    const other = fc.oneof(
      fc.constantFrom<TaraSON.Json>(
        0,
        -1,
        1.5,
        2 ** 53 - 1,
        "",
        "é",
        '"',
        "LiteTape.Same",
        {},
        { a: 1 },
        [],
        null,
        true
      ),
      fc.array(fc.constantFrom<TaraSON.Json>("a", '"', 1, [], {}, ["a"]), { maxLength: 3 }),
      fc.constant(undefined)
    )
    const names = ["$type", "data", "id", "metadata", "position", "revision", "stream", "tags", "time"]
    const usual = { ...Object.fromEntries(names.map((name) => [name, "a"])), metadata: {}, tags: [] }
    check(
      fc.property(fc.constantFrom(...names, "also"), other, fc.nat(), fc.nat(), (name, value, position, revision) => {
        const { [name]: _, ...rest }: Record<string, TaraSON.Json> = { ...usual, position, revision }
        isRight(utf8(TaraSON.encodeValue(value === undefined ? rest : { ...rest, [name]: value })))
      })
    )
  })

  it("accepts no reserved type", () => {
    for (const type of ["LiteTape.Same", "LiteLib.Meta"]) {
      assert.strictEqual(scanRecord(utf8(`{"!":1,"$type":"${type}"}`), 0, depthMax), unknown)
    }
    assert.isTrue(isKnown(utf8(`{"!":1,"$type":"Light"}`)))
    assert.isTrue(isKnown(utf8(`{"!":{"$type":1}}`)))
  })
})
