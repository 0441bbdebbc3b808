/** What imports do with bad lines, with ids that come twice, with CloudEvents of others, and with what happens in between. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Interchange from "litetapes/Interchange"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Storage } from "litetapes/Storage"
import { eventsOf, exported, imported, importedBytes, newStore } from "../support/interchange.ts"
import { checkedTag } from "../support/messages.ts"

const line = (n: number, more: object = {}) =>
  JSON.stringify({ $type: "Placed", data: { n }, id: `id-${n}`, stream: `order-${n % 3}`, ...more })

const cloudEvent = (n: number, more: object = {}) =>
  JSON.stringify({
    specversion: "1.0",
    id: `id-${n}`,
    source: "https://shop.example/orders",
    type: "com.example.placed",
    subject: `order-${n % 3}`,
    time: "2026-01-02T03:04:05Z",
    data: { n },
    ...more
  })

const lines = (count: number, from = 0) => Array.from({ length: count }, (_, n) => line(n + from))

const badLines: ReadonlyArray<readonly [what: string, format: Interchange.Format, line: string, says: RegExp]> = [
  ["text that is not JSON", "jsonl", "{nonsense", /NotJson.*has no newline|NotJson/],
  ["an array", "jsonl", `[${line(7)}]`, /it is an array; write each event on a line of its own/],
  ["a number", "jsonl", "17", /NotARecord/],
  ["a key that comes twice", "jsonl", '{"$type":"A","stream":"a-1","id":"7","id":"8"}', /DuplicateKey/],
  [
    "a number that would change",
    "jsonl",
    '{"$type":"A","stream":"a-1","id":"7","data":9007199254740993}',
    /Unrepresentable/
  ],
  [
    "half a character",
    "jsonl",
    '{"$type":"A","stream":"a-1","id":"7","data":"\ud800"}',
    /Surrogate|surrogate|well-formed/
  ],
  ["__proto__", "jsonl", '{"$type":"A","stream":"a-1","id":"7","data":{"__proto__":1}}', /ForbiddenKey/],
  ["a field that is not known", "jsonl", line(7, { typ: "x" }), /its field typ is not known/],
  ["a field of another format", "jsonl", line(7, { type: "x" }), /its field type is not known; did you mean \$type\?/],
  ["a CloudEvent", "jsonl", cloudEvent(7), /format: "cloudevents"/],
  ["no type", "jsonl", line(7, { $type: undefined }), /its type must be a non-empty text/],
  ["a type that is reserved", "jsonl", line(7, { $type: "LiteLib.Closed" }), /is reserved/],
  ["a type that is a number", "jsonl", line(7, { $type: 7 }), /its \$type must be a text, not 7/],
  ["no id", "jsonl", line(7, { id: undefined }), /it has no id, by which a repeated import/],
  [
    "an id that is too long",
    "jsonl",
    line(7, { id: "x".repeat(257) }),
    /its id must be a well-formed text of 1 to 256 bytes/
  ],
  ["no stream", "jsonl", line(7, { stream: undefined }), /it names no stream; .*option map/],
  ["a stream with a control character", "jsonl", line(7, { stream: "a\u0000" }), /control characters/],
  ["metadata that is a list", "jsonl", line(7, { metadata: [] }), /its metadata must be an object/],
  ["tags that are numbers", "jsonl", line(7, { tags: [1] }), /its tags must be an array of texts/],
  ["an empty tag", "jsonl", line(7, { tags: [""] }), /its tags\[0\] must not be empty/],
  ["a time that is not one", "jsonl", line(7, { time: "yesterday" }), /its time is not one in RFC 3339/],
  ["a time before 1970", "jsonl", line(7, { time: "1969-12-31T00:00:00Z" }), /of the years 1970 to 9999/],
  ["a revision that is a fraction", "jsonl", line(7, { revision: 0.5 }), /its revision must be a whole number/],
  ["data that is too large", "jsonl", line(7, { data: "x".repeat(1_100_000) }), /RecordTooLarge/],
  ["a line that is too long", "jsonl", line(7, { data: "x".repeat(2_300_000) }), /it has more than 2162688 bytes/],
  ["no specversion", "cloudevents", cloudEvent(7, { specversion: undefined }), /its specversion is missing/],
  ["an old specversion", "cloudevents", cloudEvent(7, { specversion: "0.3" }), /not a CloudEvent of version 1\.0/],
  ["a line of jsonl", "cloudevents", line(7), /not a CloudEvent/],
  [
    "metadata where the other attributes are kept",
    "cloudevents",
    cloudEvent(7, { litetapesmetadata: '{"cloudevents":"mine"}', other: "kept" }),
    /a field cloudevents that is not an object/
  ],
  ["no source", "cloudevents", cloudEvent(7, { source: undefined }), /it has no source/],
  ["an empty id", "cloudevents", cloudEvent(7, { id: "" }), /it has no id/],
  ["no type", "cloudevents", cloudEvent(7, { type: undefined }), /it has no type/],
  ["no subject", "cloudevents", cloudEvent(7, { subject: undefined }), /it names no stream/],
  ["a subject that is a number", "cloudevents", cloudEvent(7, { subject: 1 }), /its subject must be a text/],
  [
    "an extension that is an object",
    "cloudevents",
    cloudEvent(7, { tracing: {} }),
    /its attribute tracing must be a text/
  ],
  ["an extension with a bad name", "cloudevents", cloudEvent(7, { "a-b": "x" }), /rename the attribute/],
  ["data twice", "cloudevents", cloudEvent(7, { data_base64: "AAAA" }), /both data and data_base64/],
  [
    "data that is not base64",
    "cloudevents",
    cloudEvent(7, { data: undefined, data_base64: "?" }),
    /not a text in base64/
  ],
  [
    "metadata that is not JSON",
    "cloudevents",
    cloudEvent(7, { litetapesmetadata: "{" }),
    /its litetapesmetadata is not one JSON/
  ],
  ["metadata that breaks out", "cloudevents", cloudEvent(7, { litetapesmetadata: '{},"x":1' }), /not one JSON value/],
  ["tags that are an object", "cloudevents", cloudEvent(7, { litetapestags: "{}" }), /must be an array of texts/]
]

const makeOf = { jsonl: line, cloudevents: cloudEvent }

describe("a bad line", () => {
  it.effect.each(badLines)("stops the import where it is: %s, %s", ([_, format, bad, says]) =>
    Effect.gen(function* () {
      const store = yield* newStore
      const make = makeOf[format]
      const input = [make(0), make(1), bad, make(3)]
      const error = yield* Effect.flip(imported(store, input, { format }))
      assert.strictEqual(checkedTag(error), "InvalidLine")
      const { byte, line, message } = error as Interchange.InvalidLine
      assert.match(message, says)
      assert.deepStrictEqual([line, byte], [3, Buffer.byteLength(`${make(0)}\n${make(1)}\n`)])
      assert.deepStrictEqual(
        (yield* eventsOf(store)).map(({ id }) => id),
        ["id-0", "id-1"]
      )
      // The same in a dry run, which appends nothing.
      const other = yield* newStore
      const dry = yield* Effect.flip(imported(other, input, { format, dryRun: true }))
      assert.deepStrictEqual([(dry as Interchange.InvalidLine).line, yield* other.position], [3, 0])

      const bads: Array<number> = []
      const onBadLine = (refused: Interchange.InvalidLine) => Effect.sync(() => void bads.push(refused.line))
      const report = yield* imported(store, [...input, bad], { format, onBadLine })
      assert.deepStrictEqual(bads, [3, 5])
      assert.deepStrictEqual([report.appended, report.repeated, report.badLines], [1, 2, 2])
      assert.strictEqual(yield* store.position, 3)
    }).pipe(Effect.scoped)
  )

  it.effect("quotes nothing of the data", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      for (const [, format, bad] of badLines) {
        const secret = bad.replace("{", '{"secret":"canary",')
        const { message } = (yield* Effect.flip(imported(store, [secret], { format }))) as Interchange.InvalidLine
        assert.notInclude(message, "canary")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("is reported if the input is cut, is not UTF-8, or begins with a byte order mark", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const whole = Buffer.from(`${line(0)}\n${line(1)}`)
      const cut = yield* Effect.flip(importedBytes(store, [whole.subarray(0, -5)]))
      assert.match(cut.message, /line 2.*It is the last line and has no newline: the input may be cut/)
      assert.strictEqual((yield* importedBytes(store, [whole])).appended, 1)
      const latin = yield* Effect.flip(importedBytes(store, [Buffer.from(line(2, { data: "é" }), "latin1")]))
      assert.match(latin.message, /InvalidEncoding/)
      const marked = yield* Effect.flip(importedBytes(store, [Buffer.from(`\ufeff${line(2)}`)]))
      assert.match(marked.message, /without a byte order mark/)
    }).pipe(Effect.scoped)
  )

  it.effect("is one whose id has another event in the lib, or whose revision is another one", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* imported(store, lines(3))
      const other = yield* Effect.flip(imported(store, [...lines(5), line(1, { data: "other" }), line(6)]))
      assert.match(other.message, /line 6.*another type, data or tags/)
      assert.strictEqual(yield* store.position, 5)
      const numbered = [line(0, { revision: 0 }), line(3, { revision: 1 }), line(9, { revision: 3 })]
      const missing = yield* Effect.flip(imported(store, numbered, { revisions: "check" }))
      assert.match(missing.message, /line 3.*it says revision 3, but its stream would give it 2/)
      assert.strictEqual((yield* imported(store, numbered)).appended, 1)
    }).pipe(Effect.scoped)
  )
})

describe("an import", () => {
  it.effect("ignores blank lines and line ends of Windows", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const report = yield* importedBytes(store, [Buffer.from(`\r\n${line(0)}\r\n \t\n\n${line(1)}\r\n`)])
      assert.deepStrictEqual([report.appended, report.end.line], [2, 6])
    }).pipe(Effect.scoped)
  )

  it.effect("takes pieces whose memory is used again", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const whole = Buffer.from(`${lines(20).join("\n")}\n`)
      const memory = new Uint8Array(50)
      const pieces = Stream.paginate(0, (at) =>
        Effect.sync(() => {
          memory.set(whole.subarray(at, at + memory.length))
          const piece = memory.subarray(0, Math.min(memory.length, whole.length - at))
          const next = at + memory.length
          return [[piece], next < whole.length ? Option.some(next) : Option.none<number>()] as const
        })
      )
      const report = yield* Effect.provideService(Interchange.importBytes(pieces), EventStore.EventStore, store)
      assert.strictEqual(report.appended, 20)
    }).pipe(Effect.scoped)
  )

  it.effect("appends an id once that comes twice in the input", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const report = yield* imported(store, [...lines(4), line(2), ...lines(6), ...lines(6)])
      assert.deepStrictEqual([report.appended, report.repeated], [6, 11])
      assert.strictEqual(yield* store.position, 6)
    }).pipe(Effect.scoped)
  )

  it.live("continues after any batch, and in batches of another size", () =>
    Effect.gen(function* () {
      const all = lines(20)
      for (let done = 0; done <= all.length; done += 3) {
        const store = yield* newStore
        yield* imported(store, all.slice(0, done), { batchEvents: 7 })
        const report = yield* imported(store, all, { batchEvents: 6 })
        assert.deepStrictEqual([report.appended, report.repeated], [20 - done, done])
        assert.deepStrictEqual(
          (yield* eventsOf(store)).map(({ id }) => id),
          all.map((_, n) => `id-${n}`)
        )
      }
    }).pipe(Effect.scoped)
  )

  it.effect("maps and leaves out events, and appends to what is there", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* store.append("copy-order-1", [{ type: "Before" }])
      const map = (event: Interchange.ImportedEvent, { line }: Interchange.LinePlace) =>
        line % 2 === 0 ? undefined : { ...event, stream: `copy-${event.stream}`, type: `Old${event.type}` }
      const report = yield* imported(store, lines(6), { map })
      assert.deepStrictEqual([report.appended, report.leftOut], [3, 3])
      const found = (yield* eventsOf(store)).map(({ revision, stream, type }) => [stream, revision, type])
      assert.deepStrictEqual(found, [
        ["copy-order-1", 0, "Before"],
        ["copy-order-0", 0, "OldPlaced"],
        ["copy-order-2", 0, "OldPlaced"],
        ["copy-order-1", 1, "OldPlaced"]
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("keeps the context of its caller out of the metadata", () =>
    Effect.gen(function* () {
      const { provide } = yield* Effect.promise(() => import("litetapes/EventContext"))
      const store = yield* newStore
      yield* imported(store, lines(1)).pipe(provide({ correlationId: "of-the-caller" }))
      assert.deepStrictEqual((yield* eventsOf(store))[0]!.metadata, {})
    }).pipe(Effect.scoped)
  )

  it.effect("reports how far it is, in places at which the rest can be imported", () =>
    Effect.gen(function* () {
      const all = lines(10)
      const bytes = Buffer.from(`${all.join("\n")}\n`)
      const seen: Array<Interchange.ImportProgress> = []
      const options = {
        batchEvents: 4,
        totalBytes: bytes.length,
        onProgress: (progress: Interchange.ImportProgress) => Effect.sync(() => void seen.push(progress))
      }
      yield* importedBytes(yield* newStore, [bytes], options)
      assert.deepStrictEqual(
        seen.map(({ done, next }) => [done.events, next.line]),
        [
          [4, 5],
          [8, 9],
          [10, 11]
        ]
      )
      assert.deepStrictEqual([seen[2]!.fraction, seen[2]!.secondsLeft, seen[2]!.done.bytes], [1, 0, bytes.length])
      const { next } = seen[1]!
      const rest = yield* newStore
      const report = yield* importedBytes(rest, [bytes.subarray(next.byte)], { startsAt: next })
      assert.deepStrictEqual([report.appended, report.end], [2, { line: 11, byte: bytes.length }])
    }).pipe(Effect.scoped)
  )

  it.live("takes 50,000 lines without reading ahead of what is done by more than a batch and a piece", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const count = 50_000
      let given = 0
      let ahead = 0
      const onProgress = ({ done }: Interchange.ImportProgress) =>
        Effect.sync(() => {
          ahead = Math.max(ahead, given - done.events)
        })
      const source = Stream.fromIterable(
        (function* () {
          for (; given < count; given++) yield line(given)
        })()
      )
      // A dry run, since appending them would take long, and reads the same.
      const report = yield* Effect.provideService(
        Interchange.importLines(source, { dryRun: true, onProgress }),
        EventStore.EventStore,
        store
      )
      assert.deepStrictEqual([report.appended, report.end.line, yield* store.position], [count, count + 1, 0])
      assert.isAtMost(ahead, 5000)
    }).pipe(Effect.scoped)
  )

  it.effect("is refused in a reader, which can export", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const written = yield* Effect.scoped(
        Effect.gen(function* () {
          const writer = yield* Effect.provideService(EventStore.open("lib"), Storage, storage)
          yield* imported(writer, lines(2))
          return yield* exported(writer)
        })
      )
      const store = yield* Effect.provideService(EventStore.open("lib", { mode: "read" }), Storage, storage)
      assert.strictEqual((yield* Effect.flip(imported(store, lines(1))))._tag, "ReadOnly")
      assert.deepStrictEqual(yield* exported(store), written)
    }).pipe(Effect.scoped)
  )
})

describe("a CloudEvent of another producer", () => {
  it.effect("keeps what it has no place for in the metadata", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const given = cloudEvent(1, {
        time: "2026-01-02T03:04:05.123456+01:00",
        dataschema: "https://shop.example/schema",
        datacontenttype: "application/vnd.order+json",
        partitionkey: "p",
        sequence: "17",
        correlationid: "c-1",
        causationid: "e-0",
        sampled: true,
        rate: 3
      })
      yield* imported(store, [given], { format: "cloudevents" })
      const [event] = yield* eventsOf(store)
      assert.deepStrictEqual(event, {
        type: "com.example.placed",
        data: { n: 1 },
        id: "id-1",
        metadata: {
          causationId: "e-0",
          cloudevents: {
            datacontenttype: "application/vnd.order+json",
            dataschema: "https://shop.example/schema",
            partitionkey: "p",
            rate: 3,
            sampled: true,
            sequence: "17",
            source: "https://shop.example/orders",
            time: "2026-01-02T03:04:05.123456+01:00"
          },
          correlationId: "c-1"
        },
        tags: [],
        stream: "order-1",
        revision: 0,
        position: 0,
        time: "2026-01-02T02:04:05.123Z"
      })
    }).pipe(Effect.scoped)
  )

  it.effect("is not taken for a repeat of one of another source with the same id", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const other = cloudEvent(1, { source: "https://other.example" })
      const input = [cloudEvent(1), cloudEvent(1), other]
      const error = yield* Effect.flip(imported(store, input, { format: "cloudevents" }))
      assert.match(error.message, /line 3.*an event of another source with the same id/)
      const map = (event: Interchange.ImportedEvent) => ({ ...event, id: `${event.id}-other` })
      const report = yield* imported(store, [other], { format: "cloudevents", map })
      assert.strictEqual(report.appended, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("has its stream from its partition key if it has no subject, and its bytes in base64", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const given = cloudEvent(1, { subject: undefined, partitionkey: "order-9", data: undefined, data_base64: "AAEC" })
      yield* imported(store, [given], { format: "cloudevents" })
      const [event] = yield* eventsOf(store)
      assert.deepStrictEqual([event!.stream, event!.data], ["order-9", { data_base64: "AAEC" }])
    }).pipe(Effect.scoped)
  )
})

describe("an export", () => {
  it.effect("has the events of one stream, of a range or of a filter", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* imported(store, lines(9))
      const idsOf = (options: Interchange.ExportOptions) =>
        Effect.map(exported(store, options), (all) =>
          all.map((one) => (JSON.parse(one) as { id: string }).id).join(" ")
        )
      assert.strictEqual(yield* idsOf({ from: 2, to: 5 }), "id-2 id-3 id-4")
      assert.strictEqual(yield* idsOf({ stream: "order-1" }), "id-1 id-4 id-7")
      assert.strictEqual(yield* idsOf({ stream: "order-1", from: 1 }), "id-4 id-7")
      assert.strictEqual(yield* idsOf({ filter: { types: ["Other"] } }), "")
      assert.strictEqual(yield* idsOf({ stream: "nowhere-1" }), "")
      const refused = yield* Effect.flip(exported(store, { stream: "order-1", filter: { categories: ["order"] } }))
      assert.strictEqual(refused._tag, "InvalidArgument")
    }).pipe(Effect.scoped)
  )

  it.effect("reports how far it is", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* imported(store, lines(3000))
      const seen: Array<Interchange.ExportProgress> = []
      yield* exported(store, { onProgress: (progress) => Effect.sync(() => void seen.push(progress)) })
      assert.isAtLeast(seen.length, 3)
      const last = seen.at(-1)!
      assert.deepStrictEqual([last.done.events, last.fraction, last.next, last.secondsLeft], [3000, 1, 3000, 0])
      for (const { done, next } of seen) assert.strictEqual(done.events, next)
    }).pipe(Effect.scoped)
  )
})
