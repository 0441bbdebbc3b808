/** Records that cannot be stored, and foreign lines that are not records. */
import * as Effect from "effect/Effect"
import { tapeOf, withLib } from "../../../support/openLib.ts"
import { appending, appendingEvent, parsing, settingUserMeta } from "../steps.ts"
import type { Case, Cases } from "../table.ts"

const nested = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`)

const withProto = (): unknown => JSON.parse('{"inner":{"__proto__":{"polluted":true}}}')

const cycle = (): unknown => {
  const record: Record<string, unknown> = { inner: {} }
  record["inner"] = { back: record }
  return record
}

class Money {
  readonly cents = 5
}

const cases = (
  error: string,
  all: ReadonlyArray<readonly [name: string, give: Case["give"], says: RegExp]>
): ReadonlyArray<Case> => all.map(([name, give, says]) => ({ error, name, give, says }))

const notJson = cases("NotJsonValue", [
  [
    "undefined",
    appending(() => ({ a: { b: undefined } })),
    /NotJsonValue at \/1?\/?a\/b: found undefined; leave it out/
  ],
  ["a function", appending(() => ({ f: () => 1 })), /at .*\/f:/],
  ["a symbol", appending(() => ({ s: Symbol("x") })), /at .*\/s:/],
  ["a BigInt", appending(() => ({ n: 1n })), /at .*\/n:/],
  ["a cycle", appending(cycle), /at .*\/inner\/back:/],
  ["an instance of a class", appending(() => ({ price: new Money() })), /at .*\/price:/],
  ["a date", appending(() => ({ when: new Date(0) })), /at .*\/when: found a Date/],
  ["a map", appending(() => ({ map: new Map() })), /at .*\/map:/],
  ["a proxy", appending(() => ({ p: new Proxy({}, {}) })), /at .*\/p:/],
  // oxlint-disable-next-line no-sparse-arrays -- a hole is what is meant
  ["a hole in an array", appending(() => ({ list: [1, , 3] })), /at .*\/list: found an array with holes/],
  [
    "undefined in an event",
    appendingEvent(() => ({ type: "T", data: { a: undefined } })),
    /at \/a: found undefined; leave it out/
  ],
  ["a function as a user value", settingUserMeta(() => ({ f: () => 1 })), /at \/value\/f:/]
])

const number = cases("UnrepresentableNumber", [
  ["NaN", appending(() => ({ list: [1, Number.NaN] })), /at .*\/list\/1: .*store it as a string/],
  ["Infinity", appending(() => ({ n: Number.POSITIVE_INFINITY })), /at .*\/n:/],
  ["-Infinity in an event", appendingEvent(() => ({ type: "T", data: [Number.NEGATIVE_INFINITY] })), /at \/0:/],
  ["a number that overflows", parsing('{"n":[1e400]}'), /at \/n\/0:/],
  ["an integer that a double changes", parsing('{"n":9007199254740993}'), /at \/n:/],
  ["an integer with a point that a double changes", parsing('{"n":9007199254740993.0}'), /at \/n:/],
  ["a number that becomes zero", parsing('{"n":[0,1e-999]}'), /at \/n\/1:/],
  ["a negative integer that a double changes", parsing('{"n":-9007199254740993}'), /at \/n:/]
])

const illFormed = cases("IllFormedString", [
  [
    "a lone surrogate",
    appending(() => ({ text: "a\ud800b" })),
    /at .*\/text: .*lone surrogate or a Unicode noncharacter/
  ],
  ["a noncharacter", appending(() => ({ text: "\uffff" })), /at .*\/text:/],
  ["a noncharacter of the last plane", appending(() => ({ text: "\u{10fffe}" })), /at .*\/text:/],
  ["a noncharacter in a key", appending(() => ({ "\ufdd0": 1 })), /IllFormedString at /],
  ["a lone surrogate in an event", appendingEvent(() => ({ type: "T", data: { text: "\udfff" } })), /at \/text:/],
  ["an escaped lone surrogate in a foreign line", parsing(String.raw`{"text":"\ud800"}`), /at \/text:/]
])

const forbiddenKey = cases("ForbiddenKey", [
  ["__proto__ in a record", appending(withProto), /at .*\/inner\/__proto__: .*rename the key/],
  ["__proto__ in an event", appendingEvent(() => ({ type: "T", data: withProto() })), /at \/inner\/__proto__:/],
  [
    "__proto__ in metadata",
    appendingEvent(() => ({ type: "T", metadata: withProto() as Record<string, unknown> })),
    /__proto__/
  ],
  ["__proto__ in a foreign line", parsing('{"a":[{"__proto__":1}]}'), /at \/a\/0\/__proto__:/],
  ["an escaped __proto__ in a foreign line", parsing(String.raw`{"\u005f_proto__":1}`), /at \/__proto__:/],
  ["constructor in a user value", settingUserMeta(() => ({ constructor: 1 })), /at \/value\/constructor:/]
])

const tooDeep = /NestingTooDeep.*: containers are nested more than \d+ deep; flatten the value, .*depthMax/

const depth = cases("NestingTooDeep", [
  ["a record", appending(() => nested(129)), tooDeep],
  ["a record nested so deep that it would end the process", appending(() => nested(6000)), tooDeep],
  [
    "a record deeper than the lib allows",
    appending(() => nested(4), { limits: { depthMax: 3 } }),
    /NestingTooDeep at /
  ],
  ["an event", appendingEvent(() => ({ type: "T", data: nested(128) })), tooDeep],
  ["a user value", settingUserMeta(() => nested(129)), tooDeep],
  ["a foreign line", parsing(`{"a":${"[".repeat(128)}${"]".repeat(128)}}`), tooDeep],
  ["a foreign line without an end", parsing(`{"a":${"[".repeat(5_000_000).slice(0, 1_000_000)}`), tooDeep]
])

const tooLarge = /RecordTooLarge: the record has at least \d+ bytes, the limit is \d+; split it, .*recordBytesMax/

const recordSize = cases("RecordTooLarge", [
  ["a record over 1 MiB", appending(() => ({ text: "x".repeat(1024 * 1024) })), tooLarge],
  [
    "a record over the lib's own limit",
    appending(() => ({ text: "x".repeat(100) }), { limits: { recordBytesMax: 100 } }),
    tooLarge
  ],
  ["an event over the limit", appendingEvent(() => ({ type: "T", data: "x".repeat(1024 * 1024) })), tooLarge],
  ["a foreign line that is neither UTF-8 nor JSON", parsing(new Uint8Array(1024 * 1024 + 1).fill(0xff)), tooLarge]
])

const encoding = cases("InvalidEncoding", [
  [
    "a foreign line with an invalid byte",
    parsing(Buffer.from('{"a":"\xff"}', "latin1")),
    /InvalidEncoding: .*not UTF-8/
  ],
  ["an overlong form", parsing(Buffer.from('{"a":"\xc0\xaf"}', "latin1")), /not UTF-8/],
  ["an encoded surrogate", parsing(Buffer.from('{"a":"\xed\xa0\x80"}', "latin1")), /not UTF-8/],
  ["a byte order mark", parsing('\ufeff{"a":1}'), /without a byte order mark/]
])

const duplicateKey = cases("DuplicateKey", [
  ["a key twice", parsing('{"a":1,"b":{"c":1,"c":1}}'), /at \/b\/c: an object has the same key twice/],
  ["a key twice, once escaped", parsing(String.raw`{"a":1,"\u0061":2}`), /at \/a:/]
])

const reservedType = cases("ReservedType", [
  [
    "a type of tapes",
    appending(() => ({ $type: "LiteTape.Meta" })),
    /at .*\$type: types that begin with `LiteTape\.` or `LiteLib\.` are reserved/
  ],
  ["a type of libs", appending(() => ({ $type: "LiteLib.Commit" })), /at .*\$type:/],
  ["one that does not exist yet", appending(() => ({ $type: "LiteTape.Future" })), /at .*\$type:/]
])

const batchSize: ReadonlyArray<Case> = [
  {
    name: "records for one tape",
    error: "BatchTooLarge",
    says: /the batch has \d+ bytes, but the limit is 1000\. Split it, or create a lib with a higher batchBytesMax/,
    give: ({ place, storage }) =>
      withLib(
        storage,
        place(),
        (lib) =>
          Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.append(Array.from({ length: 200 }, (_, n) => ({ n })))),
        { limits: { batchBytesMax: 1000 } }
      )
  },
  {
    name: "an event",
    error: "BatchTooLarge",
    says: /the limit is 1000/,
    give: appendingEvent(() => ({ type: "T", data: "x".repeat(2000) }), { limits: { batchBytesMax: 1000 } })
  }
]

export const records: Cases = {
  batchSize,
  depth,
  duplicateKey,
  encoding,
  forbiddenKey,
  illFormed,
  notJson,
  number,
  recordSize,
  reservedType
}
