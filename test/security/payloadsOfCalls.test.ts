/** Like payloads.test.ts, for wrong calls: errors do not contain the data that a call wanted to store. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as FlatView from "litetapes/FlatView"
import * as Lib from "litetapes/Lib"
import * as Proof from "litetapes/Proof"
import * as TaraSON from "litetapes/TaraSON"
import { inspect } from "node:util"
import { describeError } from "../../src/domain/json/describeError.ts"
import * as NodeStorage from "../../src/layers/NodeStorage.ts"
import { canary, holdsNothing, logging, told } from "../support/canary.ts"
import { type LibService, tapeOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"
import { at as atOperation, refusal, watched } from "../support/watchedStorage.ts"

const place = temporaryFolder()

describe("the description of an exception from reading foreign bytes", () => {
  it("contains none of those bytes, whatever was thrown", () => {
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
        holdsNothing(describeError(error), [canary], String(run))
      }
    }
    assert.strictEqual(describeError(new Error("ours")), "ours")
  })
})

class Canary {
  readonly name = canary
}

/** Values that cannot be stored. */
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

/** Runs `effects`, each of which must fail, and collects the errors. */
const failuresOf = (effects: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
  Effect.forEach(effects, (effect) =>
    Effect.map(Effect.exit(effect), (exit) => {
      if (exit._tag === "Success") assert.fail(`it succeeded: ${inspect(exit.value)}`)
      return exit._tag === "Failure" ? `${Cause.pretty(exit.cause)}\n${told(Cause.squash(exit.cause))}` : ""
    })
  )

describe("errors of wrong calls", () => {
  const inLib = <A, E>(use: (lib: LibService, store: EventStore.EventStore["Service"]) => Effect.Effect<A, E>) =>
    Effect.flatMap(NodeStorage.make, (storage) =>
      withLib(storage, place(), (lib) =>
        Effect.flatMap(Effect.provideService(EventStore.make, Lib.Lib, lib), (store) => use(lib, store))
      )
    )

  it.live("contain nothing of the data that was to be appended", () =>
    inLib((lib, store) =>
      Effect.gen(function* () {
        const tape = yield* tapeOf(lib, "notes")
        yield* store.append("a-1", [{ type: "T", data: canary, id: "one" }])
        const failures = yield* failuresOf([
          ...unstorable.map((record) => tape.append([record])),
          ...unstorable.flatMap((data) =>
            // The data of an event may be any JSON, so these two are valid.
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

  it.live("contain nothing of data that does not match its schema, on append or on read", () =>
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

  it.live("contain nothing of a batch whose write failed, and neither does the log", () =>
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

  it("contain nothing of foreign bytes that are not a record, flat view or head", () => {
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
