/**
 * Errors and logs hold nothing that was stored: where something is wrong, how much, which hash, never what it says. A word
 * is put into everything that is stored, everything is made to fail, and the word is looked for.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as FlatView from "litetapes/FlatView"
import * as Lib from "litetapes/Lib"
import * as Proof from "litetapes/Proof"
import * as TaraSON from "litetapes/TaraSON"
import * as fs from "node:fs"
import * as path from "node:path"
import { inspect } from "node:util"
import { troubleOf } from "../../src/domain/internal/troubleOf.ts"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import { copyFiles, rewriteTape, segmentsOf } from "../support/hostileLib.ts"
import { type LibService, tapeOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { type Contents, doEverything, makeVictim, type Outcome } from "../support/victimLib.ts"
import { at as atOperation, refusal, watched } from "../support/watchedStorage.ts"

const place = temporaryFolder()

// Short: what V8 quotes of a text that is no JSON is ten characters.
const canary = "Kanarie"
/** … and one that stands in keys: a caller is told where in his record something is wrong, a log is not. */
const canaryKey = "Wellens"

const contents: Contents = {
  notes: (from, to) =>
    Array.from({ length: to - from }, (_, n) => ({
      $type: "Note",
      n: from + n,
      text: canary,
      [canaryKey]: { [canary]: 1 }
    })),
  events: (from, to) =>
    Array.from({ length: to - from }, (_, n) => ({
      type: "Placed",
      data: { n: from + n, text: canary, [canaryKey]: [canary] },
      metadata: { user: canary, [canaryKey]: 1 },
      tags: [canary],
      id: `id-${from + n}`
    }))
}

/** Every way in which an error, or what a report says, may get into a log. */
const told = (value: unknown): string =>
  [
    String(value),
    inspect(value, { depth: 20 }),
    safeJson(value),
    value instanceof Error ? `${value.message} ${value.stack}` : ""
  ].join("\n")

const safeJson = (value: unknown): string => {
  try {
    return JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? String(one) : one)) ?? ""
  } catch {
    return ""
  }
}

/** Collects what is logged while `effect` runs. */
const logging = <A, E, R>(effect: Effect.Effect<A, E, R>, logged: Array<string>) => {
  const logger = Logger.make(({ cause, logLevel, message }) => {
    logged.push(`${logLevel} ${told(message)} ${Cause.pretty(cause)}`)
  })
  return Effect.provide(effect, Logger.layer([logger]))
}

const holdsNothing = (text: string, words: ReadonlyArray<string>, of: string): void => {
  for (const word of words) if (text.includes(word)) assert.fail(`${of} says ${word}: ${text.slice(0, 2000)}`)
}

/** What comes back as data may hold data; reports and errors may not. */
const isReport = (value: unknown): boolean => !Array.isArray(value)

const fileOf = (lib: string, part: string): string => {
  if (part === "a segment of records") return `notes/${segmentsOf(lib, "notes")[1]}`
  if (part === "a segment in a shard folder") return `notes/${segmentsOf(lib, "notes")[0]}`
  return part === "a segment of events" ? `order/${segmentsOf(lib, "order")[0]}` : part
}

const damages: { readonly [name: string]: (bytes: Buffer, at: number) => Buffer } = {
  "a flipped bit": (bytes, at) => {
    bytes[at]! ^= 1
    return bytes
  },
  "a broken quote": (bytes, at) => {
    bytes[bytes.indexOf('"', at)] = 0x78
    return bytes
  },
  "no UTF-8": (bytes, at) => {
    bytes[at] = 0xff
    return bytes
  },
  "an end that is missing": (bytes, at) => bytes.subarray(0, at),
  "a line too much": (bytes, at) => {
    const line = bytes.indexOf(10, at) + 1
    return Buffer.concat([bytes.subarray(0, line), Buffer.from(`{"${canaryKey}":"${canary}\n`), bytes.subarray(line)])
  },
  "a line of a type that nobody knows": (bytes) =>
    Buffer.concat([bytes, Buffer.from(`{"$type":"LiteTape. ${canary}","${canaryKey}":1}\n`)])
}

describe("errors, logs and reports after damage", () => {
  for (const part of [
    "a segment of records",
    "a segment in a shard folder",
    "a segment of events",
    "litelib.dynamic-000001.jsonl",
    "notes/tape.meta.jsonl"
  ]) {
    it.live(`hold nothing of what is stored: ${part}`, () =>
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const template = place()
        yield* makeVictim(storage, template, "closed", contents)
        yield* withLib(storage, template, (lib) =>
          Effect.flatMap(tapeOf(lib, "notes"), (tape) => tape.setUserMeta("note", { text: canary, [canaryKey]: 1 }))
        )
        const open = place()
        yield* makeVictim(storage, open, "open", contents)
        const from = part.startsWith("litelib.") ? open : template
        const file = fileOf(template, part)
        let errors = 0
        for (const [name, damage] of Object.entries(damages)) {
          const bytes = fs.readFileSync(path.join(from, file))
          const word = bytes.indexOf(canary)
          assert.isAbove(word, 0)
          for (const at of [word + 3, Math.floor(bytes.length * 0.6)]) {
            const copy = place()
            copyFiles(from, copy)
            // Without an index every byte is looked at.
            fs.rmSync(path.join(copy, path.dirname(file), "index"), { recursive: true, force: true })
            fs.writeFileSync(path.join(copy, file), damage(Buffer.from(bytes), at))
            const logged: Array<string> = []
            const onOutcome = (outcome: Outcome) => {
              if ("error" in outcome) errors++
              const value = "error" in outcome ? outcome.error : outcome.value
              if ("error" in outcome || isReport(value))
                holdsNothing(told(value), [canary, canaryKey], `${name} at ${at}`)
            }
            yield* logging(doEverything(storage, copy, onOutcome), logged)
            holdsNothing(logged.join("\n"), [canary, canaryKey], `the log, ${name} at ${at}`)
          }
        }
        assert.isAbove(errors, 20)
      })
    )
  }

  for (const [name, change] of [
    ["is no JSON", (line: string) => line.replace('":', `${canary}`)],
    ["is no object", () => JSON.stringify([canary, canaryKey])],
    ["is not canonical", (line: string) => line.replace("{", `{ "${canaryKey}":"${canary}",`)],
    ["has a key twice", (line: string) => line.replace("{", `{"${canaryKey}":1,"${canaryKey}":2,`)],
    ["has a key that is refused", (line: string) => line.replace("{", `{"${canaryKey}":{"__proto__":"${canary}"},`)],
    ["is a system record", () => `{"$type":"LiteTape.${canary}","${canaryKey}":1}`],
    ["is no event", () => `{"${canaryKey}":"${canary}"}`],
    ["is too deep", () => `${"[".repeat(2000)}"${canary}"${"]".repeat(2000)}`],
    ["holds a number that none is", () => `{"${canaryKey}":${"9".repeat(400)}}`]
  ] as const) {
    it.live(`nor where all hashes are right and a line ${name}`, () =>
      Effect.gen(function* () {
        const storage = yield* NodeStorage.make
        const at = place()
        yield* makeVictim(storage, at, "closed", contents)
        for (const tape of ["notes", "order"]) {
          rewriteTape(at, tape, (lines) => lines.map((line, n) => (n === 1 ? change(line) : line)))
        }
        const logged: Array<string> = []
        let errors = 0
        const onOutcome = (outcome: Outcome) => {
          if ("error" in outcome) errors++
          const value = "error" in outcome ? outcome.error : outcome.value
          if ("error" in outcome || isReport(value)) holdsNothing(told(value), [canary, canaryKey], name)
        }
        yield* logging(doEverything(storage, at, onOutcome), logged)
        holdsNothing(logged.join("\n"), [canary, canaryKey], "the log")
        assert.isAbove(errors, 5)
      })
    )
  }
})

describe("what was thrown while foreign bytes were read", () => {
  it("is told in words that hold nothing of them, whatever it was", () => {
    const thrown: ReadonlyArray<() => unknown> = [
      () => JSON.parse(canary),
      () => (undefined as unknown as { readonly [key: string]: { readonly of: unknown } })[canary]!.of,
      () => TaraSON.parse(Buffer.from(`{"${canary}":{"__proto__":1}}`)),
      () => {
        throw new RangeError(canary)
      },
      () => {
        throw canary
      }
    ]
    for (const run of thrown) {
      try {
        run()
        assert.fail("nothing was thrown")
      } catch (error) {
        assert.include(String(error), canary)
        holdsNothing(troubleOf(error), [canary], String(run))
      }
    }
    assert.strictEqual(troubleOf(new Error("ours")), "ours")
  })
})

class Canary {
  readonly name = canary
}

/** What cannot be stored. */
const unstorable: ReadonlyArray<unknown> = [
  { a: canary, b: undefined },
  { a: canary, b: () => canary },
  { a: Symbol(canary) },
  { a: canary, b: 4711n },
  { a: canary, b: Number.NaN },
  { a: `${canary}\ud800` },
  { a: canary, b: new Canary() },
  { a: new Map([[canary, canary]]) },
  { a: new Proxy({ canary }, {}) },
  {
    get a() {
      return canary
    }
  },
  { a: canary.repeat(200_000) },
  JSON.parse(`{"a":{"__proto__":"${canary}"}}`),
  JSON.parse(`${'{"a":'.repeat(200)}"${canary}"${"}".repeat(200)}`),
  [canary],
  canary
]

/** Collects what `effects` fail with; each must fail. */
const failuresOf = (effects: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
  Effect.forEach(effects, (effect) =>
    Effect.map(Effect.exit(effect), (exit) => {
      if (exit._tag === "Success") assert.fail(`it succeeded: ${inspect(exit.value)}`)
      return exit._tag === "Failure" ? `${Cause.pretty(exit.cause)}\n${told(Cause.squash(exit.cause))}` : ""
    })
  )

describe("errors of calls that are wrong", () => {
  const inLib = <A, E>(use: (lib: LibService, store: EventStore.EventStore["Service"]) => Effect.Effect<A, E>) =>
    Effect.flatMap(NodeStorage.make, (storage) =>
      withLib(storage, place(), (lib) =>
        Effect.flatMap(Effect.provideService(EventStore.make, Lib.Lib, lib), (store) => use(lib, store))
      )
    )

  it.live("hold nothing of what was to be appended", () =>
    inLib((lib, store) =>
      Effect.gen(function* () {
        const tape = yield* tapeOf(lib, "notes")
        yield* store.append("a-1", [{ type: "T", data: canary, id: "one" }])
        const failures = yield* failuresOf([
          ...unstorable.map((record) => tape.append([record])),
          ...unstorable.flatMap((data) =>
            // Data of an event may be any JSON.
            data === canary || Array.isArray(data)
              ? []
              : [
                  store.append("a-1", [{ type: "T", data }]),
                  store.append("a-1", [{ type: "T", metadata: data as never }]),
                  tape.setUserMeta("key", data as never)
                ]
          ),
          store.append("a-1", [{ type: "T", metadata: [canary] as never }]),
          store.append("a-1", [{ type: "T", tags: canary as never }]),
          store.append("a-1", [{ type: "T", tags: [canary, 1] as never }]),
          store.append("a-1", [{ type: "T", tags: Array.from({ length: 65 }, () => canary) }]),
          store.append("a-1", [{ type: "T", data: { other: canary }, id: "one" }]),
          store.append("a-1", [
            { type: "T", data: canary, id: "one" },
            { type: "T", data: canary, id: "two" }
          ]),
          store.append("a-1", [
            { type: "T", data: canary, id: "x" },
            { type: "T", data: canary, id: "x" }
          ]),
          store.append("a-1", [{ type: "T", data: canary }], { expected: 17 })
        ])
        for (const failure of failures) holdsNothing(failure, [canary], "an error")
      })
    )
  )

  it.live("hold nothing of data that does not fit its schema, written or read", () =>
    inLib((_, store) =>
      Effect.gen(function* () {
        const schemas = {
          Int: Schema.Struct({ n: Schema.Int }),
          Literal: Schema.Struct({ of: Schema.Literals(["a", "b"]) }),
          Matching: Schema.Struct({ text: Schema.String.check(Schema.isPattern(/^x/)) }),
          Big: Schema.BigIntFromString,
          Time: Schema.DateTimeUtcFromString,
          Either: Schema.Union([Schema.Struct({ a: Schema.Int }), Schema.Struct({ b: Schema.Int })]),
          List: Schema.Array(Schema.Int),
          Text: Schema.fromJsonString(Schema.Struct({ a: Schema.Int }))
        }
        const Strict = Category.make("strict", schemas)
        const bad: { readonly [T in keyof typeof schemas]: unknown } = {
          Int: { n: canary },
          Literal: { of: canary },
          Matching: { text: canary },
          Big: canary,
          Time: canary,
          Either: { a: canary, b: canary },
          List: [1, canary],
          Text: `{"a":"${canary}"`
        }
        for (const [type, data] of Object.entries(bad)) {
          const event = { type, data } as never
          const appending = Effect.provideService(Strict.append("1", [event]), EventStore.EventStore, store)
          yield* store.append(`strict-${type}`, [{ type, data }])
          const reading = Effect.provideService(Stream.runCollect(Strict.read(type)), EventStore.EventStore, store)
          assert.lengthOf(yield* Stream.runCollect(store.read(`strict-${type}`)), 1)
          for (const failure of yield* failuresOf([appending, reading])) holdsNothing(failure, [canary], type)
        }
      })
    )
  )

  it.live("hold nothing of a batch whose writing failed, nor does what is logged of it", () =>
    Effect.gen(function* () {
      const watch = watched(yield* NodeStorage.make)
      const logged: Array<string> = []
      const failing = withLib(watch.storage, place(), (lib) =>
        Effect.gen(function* () {
          const tape = yield* tapeOf(lib, "notes")
          watch.before = atOperation("append", Effect.fail(refusal("append")))
          return yield* failuresOf([tape.append([{ a: canary }]), tape.append([{ a: canary }])])
        })
      )
      const failures = yield* logging(failing, logged)
      for (const failure of [...failures, ...logged]) holdsNothing(failure, [canary], "an error")
      assert.match(failures.join(), /CommitOutcomeUnknown[^]*WriterPoisoned/)
    })
  )

  it("hold nothing of foreign bytes that are no record, no flat view and no head", () => {
    const texts = [
      `{"a":"${canary}"`,
      `{"a":"${canary}"} x`,
      `{"a":${canary}}`,
      `["${canary}"]`,
      `{"a":"${canary}","a":1}`,
      `{"a":{"__proto__":"${canary}"}}`,
      `{"a":"${canary}\ud83d"}`
    ]
    const calls: Array<() => unknown> = [
      ...texts.flatMap((text) => [
        () => TaraSON.parse(Buffer.from(text, "latin1")),
        () => TaraSON.parseCanonical(Buffer.from(text, "latin1")),
        () => TaraSON.parseTrusted(text.slice(0, -1)),
        () => Proof.decodeHead(text)
      ]),
      () => TaraSON.parse(Buffer.from([...Buffer.from(`{"a":"${canary}`), 0xff, 0x22, 0x7d])),
      () =>
        FlatView.unflatten([
          ["", {}],
          ["/a", canary as never],
          ["/a/b", canary]
        ]),
      () => FlatView.unflatten([[canary, canary]])
    ]
    let failed = 0
    for (const call of calls) {
      try {
        call()
      } catch (error) {
        failed++
        holdsNothing(told(error), [canary], String(call))
      }
    }
    assert.isAbove(failed, 20)
  })
})
