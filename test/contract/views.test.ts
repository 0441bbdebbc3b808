/** Views in memory: they show what was acknowledged, and stop rather than show less. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as View from "litetapes/View"
import { assert, describe } from "vitest"
import { openInMemory, settle, tagOf } from "../support/openLib.ts"

type Store = EventStore.EventStore["Service"]

const quiet = Logger.layer([])

const Account = Category.make(
  "account",
  { Opened: Schema.Struct({}), Deposited: Schema.Struct({ cents: Schema.Int }) },
  { retired: { Audited: Schema.Struct({}) }, renamed: { MoneyAdded: "Deposited" } }
)
const Order = Category.make("order", { Paid: Schema.Struct({ cents: Schema.Int }) })

const balances = View.make({
  name: "balances",
  initialState: () => new Map<string, number>(),
  events: (on) => [
    on(Account, {
      Opened: "ignore",
      Deposited: (state, { data, stream }) => {
        if (data.cents === 13) throw new Error("unlucky")
        return state.set(stream, (state.get(stream) ?? 0) + data.cents)
      },
      Audited: "ignore"
    }),
    on(Order, { Paid: (state, { data }) => new Map(state).set("sales", (state.get("sales") ?? 0) + data.cents) })
  ]
})

const openStore = openInMemory()

const running = (store: Store) => Effect.provideService(View.run(balances), EventStore.EventStore, store)

const deposit = (store: Store, id: string, cents: number, type = "Deposited") =>
  store.append(`account-${id}`, [{ type, data: { cents } }])

describe("a view", () => {
  it.effect("shows everything that was acknowledged before it is read, from any number of writers", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      yield* deposit(store, "0", 5, "MoneyAdded")
      yield* store.append("invoice-1", [{ type: "Paid", data: "of another category" }])
      const view = yield* running(store)
      assert.deepStrictEqual(yield* view.read, new Map([["account-0", 5]]))
      const write = (n: number) =>
        Effect.gen(function* () {
          for (let sum = 1; sum <= 20; sum++) {
            yield* deposit(store, `w${n}`, 1)
            assert.strictEqual((yield* view.read).get(`account-w${n}`), sum)
          }
        })
      yield* Effect.all([1, 2, 3].map(write), { concurrency: "unbounded" })
      const { lastPosition } = yield* store.append("order-1", [{ type: "Paid", data: { cents: 7 } }])
      yield* view.whenProcessed(lastPosition!)
      assert.strictEqual(view.latest().get("sales"), 7)
      assert.strictEqual(view.position(), lastPosition! + 1)
      for (const position of [Number.NaN, -1, 0.5, "1", undefined]) {
        // They would never be reached.
        assert.strictEqual(yield* tagOf(view.whenProcessed(position as number)), "InvalidArgument")
      }
    })
  )

  it.effect("stops at an event that it cannot fold, and says why instead of showing less", () =>
    Effect.gen(function* () {
      const { store } = yield* openStore
      yield* deposit(store, "1", 5)
      const view = yield* running(store)
      yield* view.read
      yield* store.append("account-1", [{ type: "Deposited", data: { cents: "many" } }])
      assert.strictEqual(yield* tagOf(view.read), "EventSchemaError")
      assert.strictEqual(yield* tagOf(view.whenProcessed(1)), "EventSchemaError")
      assert.deepStrictEqual(view.latest(), new Map([["account-1", 5]]))
      const other = (yield* openStore).store
      const broken = yield* running(other)
      yield* deposit(other, "1", 13)
      assert.match(String(yield* Effect.exit(broken.read)), /unlucky/)
    }).pipe(Effect.provide(quiet))
  )

  it.effect("stops with its scope and with the lib", () =>
    Effect.gen(function* () {
      const { close, store } = yield* openStore
      const scope = yield* Scope.make()
      const one = yield* Effect.provideService(running(store), Scope.Scope, scope)
      const two = yield* running(store)
      yield* one.read
      yield* Scope.close(scope, Exit.void)
      yield* deposit(store, "1", 5)
      assert.strictEqual(yield* tagOf(one.read), "ViewStopped")
      yield* two.read
      yield* close
      yield* settle
      assert.strictEqual(yield* tagOf(two.whenProcessed(9)), "LibClosed")
    }).pipe(Effect.provide(quiet))
  )

  it("is made only with options that it knows and a fold for each type", () => {
    const right = { name: "a", initialState: () => 0, events: () => balances.parts }
    const wrong: ReadonlyArray<[object, RegExp]> = [
      [{ ...right, name: "A" }, /options\.name/],
      [{ ...right, initialState: 0 }, /options\.initialState/],
      [{ ...right, event: [] }, /did you mean events/],
      [{ ...right, events: () => [] }, /options\.events must return/],
      [{ ...right, events: () => [balances.parts[0], balances.parts[0]] }, /category "account" twice/],
      [{ name: "a", initialState: () => 0 }, /options\.events is missing/]
    ]
    for (const [options, message] of wrong) assert.throws(() => View.make(options as never), message)
    const incomplete = { Opened: "ignore", Audited: "ignore" } as const
    assert.throws(
      // @ts-expect-error a type is missing
      () => View.make({ name: "a", initialState: () => 0, events: (on) => [on(Account, incomplete)] }),
      /handlers\.Deposited must be/
    )
  })
})
