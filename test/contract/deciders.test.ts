/** Deciders: what costs a read, what reaches the commit loop, rejections, repeated commands, several aggregates, context. */
import { it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as Decider from "litetapes/Decider"
import * as EventContext from "litetapes/EventContext"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import type { Root, Storage } from "litetapes/Storage"
import { StorageError } from "litetapes/Storage"
import { assert, describe } from "vitest"
import { changeRoot } from "../support/changeRoot.ts"
import { flush, openSession, openStore, settle, storeOf, tagOf } from "../support/openLib.ts"

const Account = Category.make("account", {
  Deposited: Schema.Struct({ cents: Schema.Int }),
  Withdrawn: Schema.Struct({ cents: Schema.Int })
})

class TooLittle extends Data.TaggedError("TooLittle")<{ readonly cents: number }> {}

interface Command {
  readonly by: number
}

/** The number of folded events is part of the state, so that a test sees what was folded. */
interface Balance {
  readonly cents: number
  readonly folds: number
}

const evolve = ({ cents, folds }: Balance, { data, type }: Category.EventOf<typeof Account>): Balance => ({
  cents: type === "Deposited" ? cents + data.cents : cents - data.cents,
  folds: folds + 1
})

const decide = ({ by }: Command, { cents }: Balance) => {
  if (by === 0) return undefined
  if (by > 0) return { type: "Deposited", data: { cents: by } } as const
  return cents + by < 0 ? new TooLittle({ cents }) : ([{ type: "Withdrawn", data: { cents: -by } }] as const)
}

const initialState = (): Balance => ({ cents: 0, folds: 0 })
const accounts = Decider.make({ name: "accounts", category: Account, initialState, evolve, decide })

/** Counts reads of events, batches and looks at the lock. */
const counting = (base: Storage["Service"]) => {
  const counts = { reads: 0, batches: 0, locks: 0 }
  let isLost = false
  const count = <A, E, R>(name: keyof typeof counts, effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      counts[name]++
      return effect
    })
  const counted = (root: Root): Root =>
    changeRoot(root, {
      checkLock: count(
        "locks",
        Effect.suspend(() =>
          isLost
            ? Effect.fail(new StorageError({ operation: "checkLock", place: "lib", reason: "lock-lost", detail: "" }))
            : root.checkLock
        )
      ),
      journal: {
        create: (...given) =>
          Effect.map(root.journal.create(...given), (writer) => ({
            ...writer,
            append: (bytes) => count("batches", writer.append(bytes))
          })),
        read: (...given) => count("reads", root.journal.read(...given)),
        readRanges: (...given) => count("reads", root.journal.readRanges(...given))
      },
      segments: {
        read: (...given) => count("reads", root.segments.read(...given)),
        readRanges: (...given) => count("reads", root.segments.readRanges(...given))
      }
    })
  const storage: Storage["Service"] = {
    open: (location, mode) => Effect.map(base.open(location, mode), counted)
  }
  /** Returns what was counted since the last call. */
  const take = () => {
    const taken = { ...counts }
    counts.reads = counts.batches = counts.locks = 0
    return taken
  }
  return { storage, take, loseLock: () => void (isLost = true) }
}

const opened = Effect.gen(function* () {
  const { loseLock, storage, take } = counting(yield* MemoryStorage.make)
  const { lib, store } = yield* openStore(storage)
  const within = Effect.provideService(EventStore.EventStore, store)
  const deposit = (id: string, cents: number) => Account.append(id, [{ type: "Deposited", data: { cents } }])
  return { lib, store, within, take, loseLock, deposit: (id: string, cents: number) => within(deposit(id, cents)) }
})

describe("a decider", () => {
  it.effect("returns what was appended, the state and the revision", () =>
    Effect.gen(function* () {
      const { within } = yield* opened
      const events = [{ type: "Deposited", data: { cents: 5 } }]
      const first = yield* within(Decider.handle(accounts, "1", { by: 5 }))
      assert.deepStrictEqual(first, {
        events: events as typeof first.events,
        state: { cents: 5, folds: 1 },
        revision: 0,
        position: 0,
        repeated: false
      })
      const nothing = yield* within(Decider.handle(accounts, "1", { by: 0 }))
      assert.deepStrictEqual(nothing, { events: [], state: first.state, revision: 0, repeated: false })
      assert.deepStrictEqual(yield* within(Decider.load(accounts, "1")), { state: first.state, revision: 0 })
      assert.deepStrictEqual(yield* within(Decider.load(accounts, "2")), { state: initialState(), revision: -1 })
    })
  )

  it.effect("reads nothing for an aggregate whose state is in memory, and only what is newer if others appended", () =>
    Effect.gen(function* () {
      const { deposit, lib, take, within } = yield* opened
      yield* deposit("1", 5)
      yield* flush(lib, "account")
      yield* within(Decider.handle(accounts, "1", { by: 1 }))
      take()
      for (const by of [1, 0, -1]) yield* within(Decider.handle(accounts, "1", { by }))
      assert.strictEqual(yield* tagOf(within(Decider.handle(accounts, "1", { by: -100 }))), "TooLittle")
      assert.deepInclude(take(), { reads: 0, batches: 2 })
      yield* deposit("1", 10)
      take()
      const { state } = yield* within(Decider.handle(accounts, "1", { by: 0 }))
      assert.deepStrictEqual(state, { cents: 16, folds: 5 })
      // The last event that it knew, to compare it, and the new one.
      assert.isBelow(take().reads, 3)
    })
  )

  it.effect(
    "keeps no more states than its cache may hold, and drops the one that was not used for the longest time",
    () =>
      Effect.gen(function* () {
        const { take, within } = yield* opened
        const few = Decider.make({ name: "few", category: Account, initialState, evolve, decide, cache: 2 })
        const isRead = (id: string) =>
          Effect.gen(function* () {
            take()
            yield* within(Decider.handle(few, id, { by: 0 }))
            return take().reads > 0
          })
        for (const id of ["1", "2", "1", "3"]) yield* within(Decider.handle(few, id, { by: 1 }))
        assert.deepStrictEqual(yield* Effect.forEach(["1", "3", "2", "1"], isRead), [false, false, true, true])
      })
  )

  it.effect("sends a decision that appends nothing to the commit loop only if it is to be enforced", () =>
    Effect.gen(function* () {
      const { loseLock, take, within } = yield* opened
      yield* within(Decider.handle(accounts, "1", { by: 1 }))
      take()
      yield* within(Decider.handle(accounts, "1", { by: 0 }))
      assert.deepStrictEqual(take(), { reads: 0, batches: 0, locks: 0 })
      yield* within(Decider.handle(accounts, "1", { by: 0 }, { enforce: true }))
      assert.deepStrictEqual(take(), { reads: 0, batches: 0, locks: 1 })
      assert.strictEqual(
        yield* tagOf(within(Decider.handle(accounts, "1", { by: -9 }, { enforce: true }))),
        "TooLittle"
      )
      assert.deepStrictEqual(take(), { reads: 0, batches: 0, locks: 1 })
      loseLock()
      // A writer that was overtaken still answers, unless it must look.
      yield* within(Decider.handle(accounts, "1", { by: 0 }))
      for (const by of [0, -9]) {
        const refused = within(Decider.handle(accounts, "1", { by }, { enforce: true }))
        assert.strictEqual(yield* tagOf(refused), "WriterPoisoned")
      }
    })
  )

  it.effect("rejects by a returned error, a failed effect, or an effect of an error; a defect stays one", () =>
    Effect.gen(function* () {
      const { within } = yield* opened
      class Plain extends Error {
        readonly _tag = "Plain"
      }
      const ways = {
        returned: () => new TooLittle({ cents: 1 }),
        plain: () => new Plain("no"),
        failed: () => Effect.fail("no" as const),
        inEffect: () => Effect.succeed(new TooLittle({ cents: 2 }))
      }
      const rejection = <D extends Decider.Decision<typeof Account>>(decide: () => D) =>
        Decider.handle(Decider.make({ name: "no", category: Account, initialState, evolve, decide }), "1", {})
      assert.deepInclude(yield* Effect.flip(within(rejection(ways.returned))), { _tag: "TooLittle", cents: 1 })
      assert.deepInclude(yield* Effect.flip(within(rejection(ways.plain))), { _tag: "Plain" })
      assert.strictEqual(yield* Effect.flip(within(rejection(ways.failed)) as Effect.Effect<unknown, unknown>), "no")
      assert.deepInclude(yield* Effect.flip(within(rejection(ways.inEffect)) as Effect.Effect<unknown, unknown>), {
        cents: 2
      })
      const thrown = yield* Effect.exit(
        within(
          rejection(() => {
            throw new Error("a mistake")
          })
        )
      )
      assert.include(String(thrown), "a mistake")
    })
  )

  it.effect("says what is wrong with a decision that is neither events, nothing nor an error", () =>
    Effect.gen(function* () {
      const { store, within } = yield* opened
      const wrong = new Map<unknown, RegExp>([
        [null, /options\.decide returned null: return undefined or \[\] for no events/],
        [Promise.resolve([]), /returned a Promise: return an Effect, not a Promise/],
        [false, /returned false: return events, one event or nothing/],
        ["Deposited", /returned "Deposited": return events/],
        [0, /returned 0/]
      ])
      for (const [value, says] of wrong)
        for (const decision of [value, Effect.succeed(value)]) {
          const odd = Decider.make({
            name: "odd",
            category: Account,
            initialState,
            evolve,
            decide: () => decision as undefined
          })
          const handled = within(Decider.handle(odd, "1", undefined, { commandId: "a" }))
          assert.match(String(yield* Effect.catchDefect(handled, (error) => Effect.succeed(error as Error))), says)
        }
      assert.strictEqual(yield* store.position, 0)
    })
  )

  it.effect("decides again after a conflict, three times by default, and then fails with it", () =>
    Effect.gen(function* () {
      const { deposit, within } = yield* opened
      let tries = 0
      const contested = (conflicts: number) =>
        Decider.make({
          name: "contested",
          category: Account,
          initialState,
          evolve,
          decide: (_: object) =>
            Effect.gen(function* () {
              if (tries++ < conflicts) yield* Effect.orDie(deposit("1", 1))
              return { type: "Deposited" as const, data: { cents: 10 } }
            })
        })
      const run = (conflicts: number, options?: Decider.HandleOptions<typeof Account>) => {
        tries = 0
        return within(Decider.handle(contested(conflicts), "1", {}, options))
      }
      const { state } = yield* run(2)
      assert.deepStrictEqual([tries, state], [3, { cents: 12, folds: 3 }])
      assert.deepStrictEqual([yield* tagOf(run(3)), tries], ["WrongExpectedRevision", 3])
      assert.deepStrictEqual([yield* tagOf(run(1, { retry: 0 })), tries], ["WrongExpectedRevision", 1])
      yield* run(5, { retry: Schedule.recurs(5) })
      assert.strictEqual(tries, 6)
    })
  )

  it.effect("does a command with an id once, and a repeat gets the first result, whatever happened since", () =>
    Effect.gen(function* () {
      const { deposit, within } = yield* opened
      const withdraw = (by: number, commandId: string) => within(Decider.handle(accounts, "1", { by }, { commandId }))
      yield* deposit("1", 10)
      const first = yield* withdraw(-8, "a")
      yield* deposit("1", 1)
      for (const by of [-8, -100, 7]) assert.deepStrictEqual(yield* withdraw(by, "a"), { ...first, repeated: true })
      assert.strictEqual(yield* tagOf(withdraw(-100, "b")), "TooLittle")
      // A rejection left nothing, so the command can be done later.
      yield* deposit("1", 100)
      assert.isFalse((yield* withdraw(-100, "b")).repeated)
    })
  )

  it.effect("handles commands for one stream one after the other, but not a command within a decision", () =>
    Effect.gen(function* () {
      const { within } = yield* opened
      const gate = yield* Deferred.make<void>()
      const slow = Decider.make({
        name: "slow",
        category: Account,
        initialState,
        evolve,
        decide: (_: object, { cents }) =>
          Effect.gen(function* () {
            yield* Deferred.await(gate)
            if (cents === 0) yield* Effect.orDie(within(Decider.handle(accounts, "1", { by: 1 })))
            return { type: "Deposited" as const, data: { cents: 10 } }
          })
      })
      const fibre = yield* Effect.forkChild(within(Decider.handle(slow, "1", {})))
      yield* settle
      const other = yield* Effect.forkChild(within(Decider.handle(accounts, "1", { by: 2 })))
      yield* settle
      assert.isUndefined(other.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(fibre)).state.cents, 11)
      assert.strictEqual((yield* Fiber.join(other)).state.cents, 13)
    })
  )

  it.effect("takes turns with a fibre that a decision has started and that outlives it", () =>
    Effect.gen(function* () {
      const { within } = yield* opened
      const gate = yield* Deferred.make<void>()
      const starting = Decider.make({
        name: "starting",
        category: Account,
        initialState,
        evolve,
        decide: (_: object) =>
          Effect.andThen(
            Effect.forkDetach(Effect.andThen(Deferred.await(gate), within(Decider.handle(accounts, "1", { by: 2 })))),
            Effect.succeed({ type: "Deposited" as const, data: { cents: 10 } })
          )
      })
      let tries = 0
      const slow = Decider.make({
        name: "slow",
        category: Account,
        initialState,
        evolve,
        decide: (_: object) =>
          Effect.gen(function* () {
            tries++
            yield* Deferred.succeed(gate, undefined)
            yield* settle
            return { type: "Deposited" as const, data: { cents: 1 } }
          })
      })
      yield* within(Decider.handle(starting, "1", {}))
      assert.strictEqual((yield* within(Decider.handle(slow, "1", {}))).state.cents, 11)
      assert.strictEqual(tries, 1)
      yield* settle
      assert.strictEqual((yield* within(Decider.load(accounts, "1"))).state.cents, 13)
    })
  )

  it.effect("returns what is stored if it decides on events that have their ids and were appended before", () =>
    Effect.gen(function* () {
      const { deposit, within } = yield* opened
      const decideIds = (cents: number) => ({ type: "Deposited", id: "message-1", data: { cents } }) as const
      const named = Decider.make({ name: "named", category: Account, initialState, evolve, decide: decideIds })
      const nothing = Decider.make({
        name: "nothing",
        category: Account,
        initialState,
        evolve,
        decide: () => undefined
      })
      const first = yield* within(Decider.handle(named, "1", 5))
      yield* deposit("1", 100)
      yield* deposit("2", 7)
      const again = { ...first, repeated: true }
      assert.deepStrictEqual(yield* within(Decider.handle(named, "1", 5)), again)
      const both = within(Decider.handleAll([Decider.to(named, "1", 5), Decider.to(nothing, "2", undefined)]))
      const state = { cents: 7, folds: 1 }
      assert.deepStrictEqual(yield* both, [again, { events: [], state, revision: 0, repeated: false }] as never)
      assert.strictEqual(yield* tagOf(within(Decider.handle(named, "1", 6))), "EventIdConflict")
      assert.deepStrictEqual(yield* within(Decider.load(named, "1")), { state: { cents: 105, folds: 2 }, revision: 1 })
    })
  )

  it.effect("appends nothing if it cannot evolve its state by what was decided", () =>
    Effect.gen(function* () {
      const { store, within } = yield* opened
      const broken = Decider.make({
        name: "broken",
        category: Account,
        initialState,
        evolve: (state, event) => {
          if (event.data.cents === 13) throw new Error("a mistake in evolve")
          return evolve(state, event)
        },
        decide
      })
      yield* within(Decider.handle(broken, "1", { by: 5 }))
      const both = Decider.handleAll([Decider.to(broken, "2", { by: 1 }), Decider.to(broken, "1", { by: 13 })])
      for (const call of [Decider.handle(broken, "1", { by: 13 }), both]) {
        const died = yield* Effect.catchDefect(
          within(call as Effect.Effect<unknown, never, EventStore.EventStore>),
          Effect.succeed
        )
        assert.include(String(died), "a mistake in evolve")
        assert.strictEqual(yield* store.position, 1)
      }
      assert.strictEqual((yield* within(Decider.handle(broken, "1", { by: 1 }))).state.cents, 6)
    })
  )

  it.effect("is refused if another one has the name of its snapshots", () =>
    Effect.gen(function* () {
      const { within } = yield* opened
      const Other = Category.make("other", Account.schemas)
      const snapshot = { every: 1, state: Schema.Struct({ cents: Schema.Int, folds: Schema.Int }) }
      const first = Decider.make({ name: "same", category: Account, initialState, evolve, decide, snapshot })
      const second = Decider.make({ ...first.options, evolve: (state) => state })
      yield* within(Decider.handle(first, "1", { by: 5 }))
      const calls = [
        Decider.handle(second, "1", { by: 5 }),
        Decider.handle(second, "2", { by: 5 }),
        Decider.handleAll([Decider.to(first, "3", { by: 1 }), Decider.to(second, "4", { by: 1 })]),
        Decider.load(second, "1")
      ]
      for (const call of calls) {
        const refused = yield* Effect.flip(within(call as Effect.Effect<unknown, unknown, EventStore.EventStore>))
        assert.deepInclude(refused, { _tag: "InvalidArgument", argument: "decider" })
      }
      const { snapshot: _, ...without } = first.options
      for (const one of [Decider.make(without), Decider.make({ ...first.options, version: 2 }), first])
        yield* within(Decider.handle(one, "1", { by: 1 }))
      yield* within(Decider.handle(Decider.make({ ...first.options, category: Other }), "1", { by: 1 }))
    })
  )

  it.effect("begins anew after the lib was opened again, and refuses to decide in a reader", () =>
    Effect.gen(function* () {
      const base = yield* MemoryStorage.make
      const { loseLock, storage } = counting(base)
      const { close, lib } = yield* openSession(storage, "lib")
      const store = yield* storeOf(lib)
      const within = Effect.provideService(EventStore.EventStore, store)
      yield* within(Decider.handle(accounts, "1", { by: 1 }))
      loseLock()
      assert.strictEqual(yield* tagOf(within(Decider.handle(accounts, "1", { by: 1 }))), "CommitOutcomeUnknown")
      assert.strictEqual(yield* tagOf(within(Decider.handle(accounts, "1", { by: 0 }))), "WriterPoisoned")
      yield* close
      const next = yield* openSession(base, "lib")
      const again = Effect.provideService(EventStore.EventStore, yield* storeOf(next.lib))
      const { revision, state } = yield* again(Decider.handle(accounts, "1", { by: 1 }))
      assert.deepStrictEqual([state.folds, state.cents], [revision + 1, revision + 1])
      const reader = yield* openSession(base, "lib", { mode: "read" })
      const reading = Effect.provideService(EventStore.EventStore, yield* storeOf(reader.lib))
      assert.strictEqual(yield* tagOf(reading(Decider.handle(accounts, "1", { by: 0 }))), "ReadOnly")
      assert.deepStrictEqual(yield* reading(Decider.load(accounts, "1")), { revision, state })
      yield* reader.close
      yield* next.close
    })
  )
})

describe("commands for several aggregates", () => {
  const transfer = (from: string, to: string, cents: number, options?: Decider.HandleOptions<typeof Account>) =>
    Decider.handleAll([Decider.to(accounts, from, { by: -cents }), Decider.to(accounts, to, { by: cents })], options)

  it.effect("are done as a whole, as one batch, or not at all", () =>
    Effect.gen(function* () {
      const { deposit, store, take, within } = yield* opened
      yield* deposit("1", 10)
      take()
      const [from, to] = yield* within(transfer("1", "2", 4))
      assert.deepStrictEqual([from.state.cents, to.state.cents, from.position, to.position], [6, 4, 1, 2])
      assert.strictEqual(take().batches, 1)
      assert.strictEqual(yield* tagOf(within(transfer("1", "2", 7))), "TooLittle")
      assert.strictEqual(yield* store.position, 3)
      assert.deepStrictEqual(yield* within(Decider.handleAll([])), [])
      assert.deepInclude(yield* Effect.flip(within(transfer("1", "1", 1))), { _tag: "InvalidArgument" })
    })
  )

  it.effect("give the first results of all of them if they are repeated", () =>
    Effect.gen(function* () {
      const { deposit, within } = yield* opened
      yield* deposit("1", 10)
      const first = yield* within(transfer("1", "2", 4, { commandId: "a" }))
      yield* deposit("2", 100)
      const again = yield* within(transfer("1", "2", 9, { commandId: "a" }))
      assert.deepStrictEqual(again, first.map((one) => ({ ...one, repeated: true })) as never)
    })
  )

  it.effect("give the first results of each if two commands had the same id", () =>
    Effect.gen(function* () {
      const { deposit, within } = yield* opened
      const add = (id: string) => within(Decider.handle(accounts, id, { by: 5 }, { commandId: "a" }))
      const first = yield* add("1")
      yield* deposit("1", 100)
      const second = yield* add("2")
      const again = yield* within(transfer("1", "2", -9, { commandId: "a" }))
      assert.deepStrictEqual(again, [first, second].map((one) => ({ ...one, repeated: true })) as never)
    })
  )

  it.effect("fail if the command was done for other aggregates, and leave none out", () =>
    Effect.gen(function* () {
      const { store, within } = yield* opened
      const all = (ids: Readonly<Record<string, number>>, commandId: string) =>
        within(
          Decider.handleAll(
            Object.entries(ids).map(([id, by]) => Decider.to(accounts, id, { by })),
            { commandId }
          )
        )
      yield* all({ a: 1 }, "k")
      yield* all({ b: 1, c: 1, d: 1 }, "l")
      yield* all({ e: 1, f: 0 }, "m")
      const end = yield* store.position
      const refused = [
        [{ a: 1, b: 1 }, "k"],
        [{ b: 1, a: 1 }, "k"],
        // It would be rejected, so it was not part of the first call.
        [{ a: 1, z: -1 }, "k"],
        [{ b: 1, c: 1, d: 1, e: 1 }, "l"],
        [{ e: 1, f: 1 }, "m"]
      ] as const
      for (const [ids, commandId] of refused)
        assert.strictEqual(yield* tagOf(all(ids, commandId)), "EventIdConflict", JSON.stringify([ids, commandId]))
      for (const [ids, commandId] of [
        [{ d: 1, c: 1, b: 1 }, "l"],
        // As an append, a command may leave out what it was done for.
        [{ b: 1, d: 1 }, "l"],
        [{ e: 1, f: 0 }, "m"]
      ] as const) {
        const results = yield* all(ids, commandId)
        assert.isTrue(results.every(({ events, repeated }) => repeated === events.length > 0))
      }
      assert.strictEqual(yield* store.position, end)
    })
  )

  it.effect("neither wait for each other for ever nor lose money, in whichever order they name the aggregates", () =>
    Effect.gen(function* () {
      const { deposit, within } = yield* opened
      yield* deposit("1", 10)
      yield* deposit("2", 10)
      const both = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? transfer("1", "2", 1) : transfer("2", "1", 1)))
      yield* within(Effect.forEach(both, (one) => one, { concurrency: "unbounded" }))
      const ends = yield* within(Effect.forEach(["1", "2"], (id) => Decider.load(accounts, id)))
      assert.deepStrictEqual(
        ends.map(({ state }) => state.cents),
        [10, 10]
      )
    })
  )
})

describe("a checkpoint", () => {
  it.effect("is committed with what is decided, alone if that is nothing, and not with a rejection", () =>
    Effect.gen(function* () {
      const { deposit, lib, store, take, within } = yield* opened
      yield* deposit("1", 10)
      yield* deposit("1", 10)
      yield* deposit("1", 10)
      take()
      const handle = (by: number, position: number, more: object = {}) =>
        within(Decider.handle(accounts, "2", { by }, { checkpoint: { consumer: "bonus", position }, ...more }))
      const low = Effect.map(lib.checkpoints, (all) => all.map((one) => [one.low, one.done.length]))
      assert.deepInclude(yield* handle(5, 0), { revision: 0, repeated: false })
      assert.deepStrictEqual(yield* low, [[1, 0]])
      assert.strictEqual(yield* tagOf(handle(5, 0)), "CheckpointNotIncreased")
      assert.strictEqual(take().batches, 1)
      // Nothing is decided.
      assert.deepInclude(yield* handle(0, 1), { revision: 0, events: [] })
      assert.deepStrictEqual(yield* low, [[2, 0]])
      assert.strictEqual(take().batches, 1)
      assert.strictEqual(yield* tagOf(handle(0, 1)), "CheckpointNotIncreased")
      assert.strictEqual(yield* tagOf(handle(-99, 2)), "TooLittle")
      assert.deepStrictEqual(yield* low, [[2, 0]])
      // A command that was done without its checkpoint commits it with its first result.
      const first = yield* within(Decider.handle(accounts, "2", { by: 7 }, { commandId: "seven" }))
      take()
      assert.deepStrictEqual(yield* handle(7, 2, { commandId: "seven" }), { ...first, repeated: true })
      assert.deepStrictEqual(yield* handle(7, 2, { commandId: "seven" }), { ...first, repeated: true })
      assert.deepStrictEqual(yield* low, [[3, 0]])
      assert.strictEqual(take().batches, 1)
      assert.strictEqual((yield* within(Decider.load(accounts, "2"))).state.cents, 12)
      const both = [Decider.to(accounts, "3", { by: 1 }), Decider.to(accounts, "4", { by: 0 })] as const
      const checkpoint = { consumer: "bonus", position: 3 }
      yield* within(Decider.handleAll(both, { checkpoint }))
      assert.strictEqual(yield* tagOf(within(Decider.handleAll(both, { checkpoint }))), "CheckpointNotIncreased")
      assert.deepStrictEqual(yield* low, [[4, 0]])
      assert.strictEqual(yield* store.position, 6)
    })
  )

  it.effect("is committed alone only if the decision still holds", () =>
    Effect.gen(function* () {
      const { deposit, lib, within } = yield* opened
      let tries = 0
      const slow = Decider.make({
        name: "slow",
        category: Account,
        initialState: () => 0,
        evolve: (count: number) => count + 1,
        decide: (_: undefined, count) =>
          Effect.gen(function* () {
            if (tries++ === 0) yield* Effect.orDie(deposit("1", 1))
            return count === 0 ? undefined : ({ type: "Deposited", data: { cents: 1 } } as const)
          })
      })
      const checkpoint = { consumer: "bonus", low: 0 }
      assert.deepInclude(yield* within(Decider.handle(slow, "1", undefined, { checkpoint })), { revision: 1 })
      assert.strictEqual(tries, 2)
      assert.lengthOf(yield* lib.checkpoints, 1)
    })
  )
})

describe("the metadata of events", () => {
  const metadataIn = (store: EventStore.EventStore["Service"]) =>
    Effect.map(Stream.runCollect(store.readAll()), (events) => events.map(({ metadata }) => metadata))

  it.effect("comes from the event itself, then from the call, then from the context of the fibre", () =>
    Effect.gen(function* () {
      const { store, within } = yield* opened
      const context = { correlationId: "c", causationId: "d", metadata: { tenant: "t", user: "u" } }
      const inContext = EventContext.provide(context)
      yield* inContext(
        store.append("account-1", [{ type: "Deposited", data: { cents: 1 }, metadata: { user: "own" } }])
      )
      yield* inContext(
        store.appendAll([{ stream: "account-1", events: [{ type: "Deposited", data: { cents: 1 } }] }], {
          causationId: "e"
        })
      )
      yield* inContext(within(Account.append("1", [{ type: "Deposited", data: { cents: 1 } }], { correlationId: "f" })))
      const inner = EventContext.provide({ metadata: { user: "inner" } })
      const handle = Decider.handle(
        accounts,
        "1",
        { by: 1 },
        { tags: ["web"], metadata: { tenant: "call" }, causationId: "g" }
      )
      yield* inContext(inner(within(handle)))
      yield* within(Decider.handle(accounts, "1", { by: 1 }))
      const outer = { correlationId: "c", causationId: "d", tenant: "t", user: "u" }
      assert.deepStrictEqual(yield* metadataIn(store), [
        { ...outer, user: "own" },
        { ...outer, causationId: "e" },
        { ...outer, correlationId: "f" },
        { ...outer, causationId: "g", tenant: "call", user: "inner" },
        {}
      ])
      const [tagged] = yield* Stream.runCollect(store.read("account-1", { from: 3, limit: 1 }))
      assert.deepStrictEqual(tagged!.tags, ["web"])
    })
  )

  it.effect("does not have the version of a type from a context", () =>
    Effect.gen(function* () {
      const { store, within } = yield* opened
      const versions = Category.versions(Schema.Struct({})).next(Schema.Struct({}), () => ({}))
      const Bill = Category.make("bill", { Sent: versions, Paid: Schema.Struct({}) })
      const metadata = { schemaVersion: 9, tenant: "t" }
      for (const inContext of [EventContext.provide, EventContext.replace])
        assert.throws(() => inContext({ metadata }), /values\.metadata\.schemaVersion must be left out/)
      assert.doesNotThrow(() => EventContext.provide({ metadata: undefined } as never))
      const past = Effect.provideService(EventContext.EventContext, { metadata })
      const bills = Decider.make({
        name: "bills",
        category: Bill,
        initialState: () => 0,
        evolve: (count) => count + 1,
        decide: (type: "Paid" | "Sent") => ({ type, data: {} })
      })
      yield* past(store.append("bill-1", [{ type: "Paid", data: {} }]))
      for (const type of ["Sent", "Paid"] as const) {
        yield* past(within(Bill.append("1", [{ type, data: {} }])))
        yield* past(within(Decider.handle(bills, "1", type)))
      }
      assert.lengthOf(yield* within(Stream.runCollect(Bill.read("1"))), 5)
      const [t, v2] = [{ tenant: "t" }, { tenant: "t", schemaVersion: 2 }]
      assert.deepStrictEqual(yield* metadataIn(store), [t, v2, v2, t, t])
    })
  )

  it.effect("comes from the innermost context alone if that replaces the others", () =>
    Effect.gen(function* () {
      const { store } = yield* opened
      const [event] = yield* Effect.andThen(
        store.append("a-1", [{ type: "Paid", id: "p" }]),
        Stream.runCollect(store.read("a-1"))
      )
      const outer = EventContext.provide({ correlationId: "c", causationId: "d", metadata: { tenant: "t" } })
      for (const inContext of [EventContext.provide, EventContext.replace]) {
        yield* store.append("b-1", [{ type: "Sent" }]).pipe(inContext(EventContext.of(event!)), outer)
      }
      const own = { correlationId: "p", causationId: "p" }
      assert.deepStrictEqual((yield* metadataIn(store)).slice(1), [{ ...own, tenant: "t" }, own])
    })
  )

  it.effect("is checked by the schema of its category, and does not count in repeats", () =>
    Effect.gen(function* () {
      const { store, within } = yield* opened
      const Bill = Category.make(
        "bill",
        { Sent: Schema.Struct({}) },
        { metadata: Schema.Struct({ tenant: Schema.optionalKey(Schema.String) }) }
      )
      const sent = [{ type: "Sent", data: {}, id: "1" }] as const
      const as = (tenant: string | number) => EventContext.provide({ metadata: { tenant, other: 1 } })
      assert.strictEqual(yield* tagOf(as(7)(within(Bill.append("1", sent)))), "EventSchemaError")
      yield* as("a")(within(Bill.append("1", sent)))
      assert.isTrue((yield* as("b")(within(Bill.append("1", sent)))).repeated)
      const [read] = yield* within(Stream.runCollect(Bill.read("1")))
      assert.deepStrictEqual(read!.metadata, { tenant: "a" })
      assert.deepStrictEqual(yield* metadataIn(store), [{ tenant: "a", other: 1 }])
      assert.throws(() => EventContext.provide({ correlation: "x" } as never), /correlation/)
    })
  )

  it.effect("names the event that a consumer handles as the cause of what its handler appends", () =>
    Effect.gen(function* () {
      const { store, within } = yield* opened
      const consumer = Consumer.make({
        name: "billing",
        filter: { categories: ["order"] },
        handler: ({ stream }) => within(Decider.handle(accounts, stream, { by: 1 }))
      })
      // Whatever the context is in which it was started.
      const starting = EventContext.provide({ correlationId: "start", metadata: { tenant: "other", user: "admin" } })
      const running = yield* Consumer.run(consumer).pipe(within, Effect.provide(CheckpointStore.layerMemory), starting)
      const metadata = { correlationId: "c", tenant: "t", user: "u" }
      const { lastPosition } = yield* store.append("order-1", [
        { type: "Placed", id: "p", metadata },
        { type: "Paid", id: "q" }
      ])
      yield* running.whenProcessed(lastPosition)
      assert.deepStrictEqual((yield* metadataIn(store)).slice(2), [
        { correlationId: "c", causationId: "p", tenant: "t" },
        { correlationId: "q", causationId: "q" }
      ])
    })
  )
})

describe("a promise store", () => {
  it.live("handles commands, with the same results, and rejects with what the decider returns or throws", () =>
    Effect.promise(async () => {
      await using store = await PromiseStore.open("lib", { storage: MemoryStorage.layer })
      const { state } = await store.handle(accounts, "1", { by: 5 }, { commandId: "a" })
      assert.strictEqual(state.cents, 5)
      assert.isTrue((await store.handle(accounts, "1", { by: 5 }, { commandId: "a" })).repeated)
      const refused = await store.handle(accounts, "1", { by: -9 }).catch((error: unknown) => error)
      assert.instanceOf(refused, TooLittle)
      const [from, to] = await store.handleAll([
        Decider.to(accounts, "1", { by: -2 }),
        Decider.to(accounts, "2", { by: 2 })
      ])
      assert.deepStrictEqual([from.state.cents, to.state.cents], [3, 2])
      assert.deepStrictEqual(await store.load(accounts, "2"), { state: { cents: 2, folds: 1 }, revision: 0 })
    })
  )
})
