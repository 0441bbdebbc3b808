/** What callers give is checked: no call dies of it, and a misspelt option is refused by its name. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import type { InvalidArgument } from "litetapes/Errors"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Erasable from "litetapes/Erasable"
import * as EventStore from "litetapes/EventStore"
import * as Interchange from "litetapes/Interchange"
import * as KeyStore from "litetapes/KeyStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as NodeDisk from "litetapes/NodeDisk"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Projection from "litetapes/Projection"
import * as Reactor from "litetapes/Reactor"
import * as ScheduledEvents from "litetapes/ScheduledEvents"
import * as SharedStore from "litetapes/SharedStore"
import * as SqliteClient from "litetapes/SqliteClient"
import type { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import { Replay } from "litetapes/testing"
import { junk } from "../../support/junk.ts"

type Call = (
  ...given: ReadonlyArray<never>
) => Effect.Effect<unknown, unknown, EventStore.EventStore | Lib.Lib | Storage | Scope.Scope>

/** Each call, with the arguments that stand before its options. */
type Calls = Readonly<Record<string, readonly [call: Call, ...before: ReadonlyArray<unknown>]>>

const head = { tape: "x", records: 1, root: "0".repeat(64) }

const Order = Category.make("order", { Placed: Schema.Struct({}) })

const orders = Decider.make({
  name: "orders",
  category: Order,
  initialState: () => 0,
  evolve: (count) => count + 1,
  decide: (_: string) => ({ type: "Placed", data: {} })
})

const placements = Projection.make({
  name: "placements",
  init: () => Effect.void,
  drop: () => Effect.void,
  events: [Projection.on(Order, { Placed: "ignore" })]
})

const inSqlite =
  <A, E, R>(call: (given: never) => Effect.Effect<A, E, R>) =>
  (given: never) =>
    Effect.provide(call(given), SqliteClient.layerMemory)

const reminders = ScheduledEvents.make({ name: "reminder" })

const versions = Category.versions(Schema.Null)

const thrown = (call: () => unknown) => Effect.try({ try: call, catch: (error) => error })

/** A subscription never ends by itself. */
const briefly = <A, E, R>(subscription: Stream.Stream<A, E, R>) =>
  Effect.timeoutOption(Stream.runDrain(subscription), "5 millis")

const appendIf = (store: EventStore.EventStore["Service"]) => (failIfEventsMatch: never | "all", after: never) =>
  store.append("order-1", [], { condition: { failIfEventsMatch, after } })

const inMemory = <A, E>(use: (keys: KeyStore.KeyStore["Service"]) => Effect.Effect<A, E>) =>
  Effect.flatMap(KeyStore.makeMemory, use)

const callsOf = (
  lib: Lib.Lib["Service"],
  store: EventStore.EventStore["Service"],
  tape: Tape.Tape["Service"]
): { readonly withOptions: Calls; readonly others: Calls } => ({
  withOptions: {
    "Interchange.exportLines": [(...given) => Stream.runDrain(Interchange.exportLines(...given))],
    "Interchange.exportBytes": [(...given) => Stream.runDrain(Interchange.exportBytes(...given))],
    "Interchange.exportFile": [Interchange.exportFile, "/nowhere/export"],
    "Interchange.importLines": [Interchange.importLines, Stream.empty],
    "Interchange.importIterable": [Interchange.importIterable, []],
    "Interchange.importBytes": [Interchange.importBytes, Stream.empty],
    "Interchange.importFile": [Interchange.importFile, "/nowhere/import"],
    "Lib.open": [Lib.open, "elsewhere"],
    "SharedStore.open": [SharedStore.open, "elsewhere"],
    "Lib.recover": [Lib.recover, "nowhere"],
    "Lib.restore": [Lib.restore, "nowhere", "anywhere"],
    "Lib.recoverTape": [lib.recoverTape, "notes"],
    "Lib.salvageTape": [lib.salvageTape, "notes"],
    "Lib.verify": [lib.verify],
    "Lib.copy": [lib.copy, "copy"],
    "Lib.backup": [lib.backup, "backup"],
    "EventStore.append": [store.append, "order-1", [{ type: "A" }]],
    "EventStore.appendAll": [store.appendAll, [{ stream: "order-1", events: [] }]],
    "EventStore.read": [(...given) => Stream.runDrain(store.read(...(given as unknown as [string]))), "order-1"],
    "EventStore.readAll": [(...given) => Stream.runDrain(store.readAll(...given))],
    "EventStore.query": [store.query, "all"],
    "Category.query": [Order.query, [{ types: ["Placed"] }]],
    "Category.subscribe": [(...given) => briefly(Order.subscribe(...given))],
    "Category.subscribeToStream": [
      (...given) => briefly(Order.subscribeToStream(...(given as unknown as [string]))),
      "1"
    ],
    "EventStore.subscribe": [(...given) => briefly(store.subscribe(...given))],
    "EventStore.subscribeBatches": [(...given) => briefly(store.subscribeBatches(...given))],
    "EventStore.subscribeToStream": [
      (...given) => briefly(store.subscribeToStream(...(given as unknown as [string]))),
      "order-1"
    ],
    "Category.append": [Order.append, "1", [{ type: "Placed", data: {} }]],
    "Category.read": [(...given) => Stream.runDrain(Order.read(...(given as unknown as [string]))), "1"],
    "Category.readAll": [(...given) => Stream.runDrain(Order.readAll(...given))],
    "Decider.handle": [Decider.handle, orders, "1", "place"],
    "Decider.handleAll": [Decider.handleAll, [Decider.to(orders, "1", "place")]],
    "Tape.make": [Tape.make, "notes"],
    "Tape.records": [(...given) => Stream.runDrain(tape.records(...given))],
    "Tape.proveInclusion": [tape.proveInclusion, 0],
    "Tape.proveConsistency": [tape.proveConsistency, head],
    "Tape.repack": [tape.repack],
    "Tape.clone": [tape.clone, lib, "clone"],
    "Tape.verify": [tape.verify],
    "Tape.diff": [Tape.diff, tape, tape],
    "SqliteClient.make": [(given: never) => Effect.provide(SqliteClient.make(":memory:", given), Reactivity.layer)],
    "CheckpointStore.makeSql": [inSqlite(CheckpointStore.makeSql)],
    "KeyStore.makeSql": [inSqlite(KeyStore.makeSql)],
    "Projection.run": [inSqlite((given) => Projection.run(placements, given))],
    "Projection.drop": [inSqlite((given) => Projection.drop(placements, given))],
    "Replay.run": [Replay.run, lib.location, Replay.category(Order)]
  },
  others: {
    "EventStore.revision": [store.revision],
    "EventStore.append, a condition": [appendIf(store), "all"],
    "EventStore.append, a boundary": [(after: never) => appendIf(store)("all", after)],
    "EventStore.append, a checkpoint": [(checkpoint: never) => store.append("order-1", [], { checkpoint })],
    "EventStore.appendAll, a checkpoint": [(checkpoint: never) => store.appendAll([], { checkpoint })],
    "EventStore.append, the ranges of a checkpoint": [
      (done: never) => store.append("order-1", [], { checkpoint: { consumer: "answers", done } })
    ],
    "EventStore.decisionModel": [store.decisionModel],
    "EventStore.decisionModel, a fact": [(one: never) => store.decisionModel({ one })],
    "EventStore.find": [store.find, "order-1"],
    "Category.filter": [(filter: never) => thrown(() => Order.filter(filter))],
    "Erasable.field": [(schema: never, options: never) => thrown(() => Erasable.field(schema, options)), Schema.Null],
    "KeyStore.rotate": [(subject: never) => inMemory((keys) => keys.rotate(subject))],
    "KeyStore.forget": [(subject: never) => inMemory((keys) => keys.forget(subject))],
    "KeyStore.renew": [(subject: never) => inMemory((keys) => keys.renew(subject))],
    "Category.versions": [(schema: never) => thrown(() => Category.versions(schema))],
    "Versions.next": [(schema: never, upcast: never) => thrown(() => versions.next(schema, upcast)), Schema.Null],
    "Versions.merge": [
      (...[former, was, upcast]: ReadonlyArray<never>) => thrown(() => versions.merge(former!, was!, upcast!)),
      "Former",
      Schema.Null
    ],
    "EventStore.findCommand": [store.findCommand, "order-1"],
    "Decider.load": [Decider.load, orders, "1"],
    "ScheduledEvents.make": [(options: never) => thrown(() => ScheduledEvents.make(options))],
    "ScheduledEvents.schedule": [reminders.schedule],
    "ScheduledEvents.schedule, an event": [
      (event: never) => reminders.schedule({ id: "1", deliverAt: 0, stream: "order-1", event })
    ],
    "ScheduledEvents.cancel": [reminders.cancel],
    "ScheduledEvents.toAppend": [(given: never) => thrown(() => reminders.toAppend(given))],
    "Reactor.make": [(options: never) => thrown(() => Reactor.make(options))],
    "Lib.createTape": [lib.createTape],
    "Lib.archive": [lib.archive],
    "Lib.activate": [lib.activate],
    "Lib.acceptLoss": [lib.acceptLoss],
    "Lib.commit": [lib.commit],
    "Lib.contains": [lib.contains],
    "Tape.makeOrCreate": [Tape.makeOrCreate],
    "Tape.append": [tape.append],
    "Tape.segment": [tape.segment],
    "Tape.readSegment": [(...given) => Stream.runDrain(tape.readSegment(...(given as unknown as [number])))],
    "Tape.verifySegment": [tape.verifySegment],
    "Tape.checkHead": [tape.checkHead],
    "Tape.setUserMeta": [tape.setUserMeta, "key"],
    "Tape.removeUserMeta": [tape.removeUserMeta]
  }
})

const inLib = <A, E>(
  use: (
    calls: ReturnType<typeof callsOf>
  ) => Effect.Effect<A, E, EventStore.EventStore | Lib.Lib | Storage | Scope.Scope>
) =>
  Effect.gen(function* () {
    const store = yield* EventStore.EventStore
    const tape = yield* Tape.makeOrCreate("notes")
    yield* tape.append([{ n: 1 }])
    return yield* use(callsOf(store.lib, store, tape))
  }).pipe(
    Effect.provide(EventStore.layer("lib").pipe(Layer.provideMerge(MemoryStorage.layer))),
    Effect.provide(Logger.layer([])),
    Effect.scoped
  )

const run = (call: Call, given: ReadonlyArray<unknown>) =>
  Effect.exit(Effect.scoped(Effect.suspend(() => call(...(given as ReadonlyArray<never>)))))

const errorOf = (exit: Exit.Exit<unknown, unknown>): object =>
  Exit.isFailure(exit) ? (Cause.squash(exit.cause) as object) : assert.fail("it succeeded")

/**
 * Libs and tapes are objects of this library; a call that is given another one is a mistake that types prevent. An export would
 * write to any path.
 */
const firstOf = (name: string): number => ({ "Tape.clone": 1, "Tape.diff": 2, "Interchange.exportFile": 1 })[name] ?? 0

/** Checks a property whose samples are effects: fast-check draws them first. */
const samples = <A>(arbitrary: fc.Arbitrary<A>, count: number): ReadonlyArray<A> =>
  fc.sample(arbitrary, { numRuns: count, seed: 4711 })

describe("what a caller gives", () => {
  it.live("never makes a call die, whatever it is", () =>
    inLib(({ others, withOptions }) =>
      Effect.gen(function* () {
        const deaths: Array<string> = []
        for (const [name, [call, ...before]] of Object.entries({ ...withOptions, ...others })) {
          for (const [index, value] of junk.entries()) {
            for (let at = firstOf(name); at <= before.length; at++) {
              const given = [...before]
              given[at] = value
              const exit = yield* run(call, given)
              if (Exit.isSuccess(exit)) continue
              const error = Cause.squash(exit.cause) as Error & { readonly _tag?: string }
              if (Cause.hasDies(exit.cause)) deaths.push(`${name}, argument ${at}, value ${index}: ${error.message}`)
              else assert.match(`${error._tag}: ${error.message}`, /^[A-Z]\w+: ./, name)
            }
          }
        }
        assert.deepStrictEqual(deaths, [])
      })
    )
  )

  it.live("is refused if a setting of a writer means nothing, and is not raised silently", () =>
    Effect.gen(function* () {
      const wrong = { backlogMax: 0, mergeSegments: 1, closeAfter: "-5 seconds" } as const
      for (const [name, value] of Object.entries(wrong)) {
        const error = yield* Effect.flip(Effect.scoped(Lib.open("lib", { [name]: value })))
        assert.deepInclude(error, { _tag: "InvalidArgument", argument: `options.${name}` })
      }
    }).pipe(Effect.provide(MemoryStorage.layer))
  )

  it.live("is refused by name if it is an option that the call does not have", () =>
    inLib(({ withOptions }) =>
      Effect.gen(function* () {
        const names = fc.oneof(
          fc.string({ minLength: 1 }),
          fc.constantFrom("expectedRevision", "__proto__", "toString")
        )
        for (const [call, [run_, ...before]] of Object.entries(withOptions)) {
          for (const [name, value] of samples(fc.tuple(names, fc.jsonValue()), 60)) {
            const options = Object.fromEntries([[name, value]])
            const exit = yield* run(run_, [...before, options])
            if (Exit.isSuccess(exit)) assert.fail(`${call} took ${JSON.stringify(options)}`)
            const error = Cause.squash(exit.cause) as InvalidArgument
            // A category passes the options of an append on.
            const named = call === "Category.append" ? "EventStore.append" : call
            assert.deepInclude(error, { _tag: "InvalidArgument", call: named }, JSON.stringify(options))
            const shown = name.length > 40 ? name.slice(0, 40) : name
            assert.isTrue(
              error.argument.endsWith(`.${shown}`) || error.argument.endsWith(`.${JSON.stringify(shown)}`),
              error.argument
            )
          }
        }
      })
    )
  )

  it.live("is refused if it is not a head to compare with, `undefined` included", () =>
    inLib(() =>
      Effect.gen(function* () {
        const kept = yield* (yield* Tape.make("notes")).head
        const wrong = { ...kept, root: "0".repeat(64) }
        const opened = yield* Effect.exit(Tape.make("notes", { expected: wrong }))
        assert.deepInclude(errorOf(opened), { _tag: "HeadMismatch" })
        for (const expected of [...junk, { ...kept, root: 1 }]) {
          const exit = yield* Effect.exit(Tape.make("notes", { expected: expected as never }))
          assert.deepInclude(errorOf(exit), {
            _tag: "InvalidArgument",
            call: "Tape.make",
            argument: "options.expected"
          })
        }
        yield* Tape.make("notes", { expected: kept })
      })
    )
  )

  it("is refused at once by functions that return no effect", () => {
    for (const make of [NodeStorage.layerWith, NodeDisk.layerWith, NodeDisk.makeWith]) {
      for (const options of [{ sync: "background" }, { syncs: "always" }, null, 7]) {
        assert.throws(() => make(options as object), /InvalidArgument|options/)
      }
      assert.doesNotThrow(() => make({ syncs: "background" }))
    }
  })
})
