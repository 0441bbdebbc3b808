/** The tests of consumers that `litetapes/testing` offers say what production would do, and fail if it is not what was expected. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as Consumer from "litetapes/Consumer"
import * as Decider from "litetapes/Decider"
import * as EventContext from "litetapes/EventContext"
import type * as EventStore from "litetapes/EventStore"
import { ConsumerSpec, GivenEvents } from "litetapes/testing"
import { AssertionError } from "node:assert"

const Order = Category.make("order", { Placed: Schema.Struct({ cents: Schema.Int }), Cancelled: Schema.Null })
const Payment = Category.make("payment", { Taken: Schema.Struct({ cents: Schema.Int }) })

class NoMoney extends Data.TaggedError("NoMoney")<{ readonly cents: number }> {}

/** How the handler takes a payment. */
type Take = (
  id: string,
  cents: number,
  handling: Consumer.Handling,
  event: EventStore.RecordedEvent
) => Effect.Effect<unknown, unknown, EventStore.EventStore>

const append: Take = (id, cents, { checkpoint }) =>
  Payment.append(id, [{ type: "Taken", data: { cents } }], { checkpoint })

const payment = (take: Take) =>
  Consumer.make({
    name: "payment",
    filter: Order.filter({ types: ["Placed"] }),
    handler: (event, handling) =>
      Effect.gen(function* () {
        const { data, stream } = yield* Order.decode(event)
        const { cents } = data as { readonly cents: number }
        yield* take(stream.slice("order-".length), cents, handling, event)
        if (cents > 1000) return yield* new NoMoney({ cents })
      })
  })

const placed = (id: string, cents = 500) => GivenEvents.of(Order, id, [{ type: "Placed", data: { cents } }])
const taken = (id: string, cents = 500) => GivenEvents.of(Payment, id, [{ type: "Taken", data: { cents } }])

const spec = (take: Take, given: ReadonlyArray<GivenEvents.GivenEvents> = []) =>
  ConsumerSpec.given(payment(take), given)

const refused = (check: ConsumerSpec.Check<never>) =>
  Effect.map(Effect.flip(check), (error) => {
    assert.instanceOf(error, AssertionError)
    return error.message
  })

describe("a test of a consumer", () => {
  it.effect("passes if exactly the expected events are appended", () =>
    Effect.gen(function* () {
      const { when } = spec(append, [placed("1"), taken("1")])
      yield* when(placed("2"), placed("3", 7)).thenAppends(taken("3", 7), taken("2"))
      yield* when(placed("1", 7)).thenAppends({ stream: "payment-1", events: [{ type: "Taken", data: { cents: 7 } }] })
      yield* when(GivenEvents.of(Order, "1", [{ type: "Cancelled", data: null }])).thenNothing
      yield* when().thenNothing
    })
  )

  it.effect("fails otherwise", () =>
    Effect.gen(function* () {
      const when = spec(append).when(placed("2"))
      yield* refused(when.thenNothing)
      assert.include(yield* refused(when.thenAppends(taken("2", 501))), "501")
      yield* refused(when.thenAppends(taken("3")))
      yield* refused(when.thenAppends(taken("2"), taken("2")))
      yield* refused(when.thenAppends(taken("2"), taken("3")))
      yield* refused(when.thenAppends({ ...taken("2"), causationId: "another" }))
      assert.include(yield* refused(when.thenFails()), "a failure was expected")
    })
  )

  it.effect("finds an append that is repeated when the event is handled again", () =>
    Effect.gen(function* () {
      const forgetful: Take = (id, cents) => Payment.append(id, [{ type: "Taken", data: { cents } }])
      const message = yield* refused(spec(forgetful).when(placed("2")).thenAppends(taken("2")))
      assert.include(message, "when it was handled again after a crash after append 1")
      // Two appends, of which only the second one has the checkpoint.
      const halfWay: Take = (id, cents, handling, event) =>
        Effect.andThen(forgetful(`${id}a`, cents, handling, event), append(id, cents, handling, event))
      yield* refused(spec(halfWay).when(placed("2")).thenAppends(taken("2"), taken("2a")))
    })
  )

  it.effect("passes if ids make the appends once, and finds an expected revision that does not", () =>
    Effect.gen(function* () {
      const named: Take = (id, cents, _, event) =>
        Payment.append(id, [{ type: "Taken", data: { cents }, id: `for-${event.id}` }])
      const both: Take = (id, cents, handling, event) =>
        Effect.andThen(named(`${id}a`, cents, handling, event), named(id, cents, handling, event))
      yield* spec(both).when(placed("2"), placed("3")).thenAppends(taken("2"), taken("2a"), taken("3"), taken("3a"))
      const guarded: Take = (id, cents) =>
        Payment.append(id, [{ type: "Taken", data: { cents } }], { expected: "no-stream" })
      const message = yield* refused(spec(guarded).when(placed("2")).thenAppends(taken("2")))
      assert.include(message, "Placed (stream order-2, revision 0, position 0) was not handled, when it was")
    })
  )

  it.effect("sees the appends of deciders, which a command id makes once", () =>
    Effect.gen(function* () {
      const payments = Decider.make({
        name: "payments",
        category: Payment,
        initialState: () => 0,
        evolve: (sum, { data }) => sum + data.cents,
        decide: (cents: number) => ({ type: "Taken", data: { cents } })
      })
      const named: Take = (id, cents, _, event) => Decider.handle(payments, id, cents, { commandId: event.id })
      yield* spec(named, [taken("2", 1)])
        .when(placed("2"), placed("3"))
        .thenAppends(taken("2"), taken("3"))
      const unnamed: Take = (id, cents) => Decider.handle(payments, id, cents)
      const message = yield* refused(spec(unnamed).when(placed("2")).thenAppends(taken("2")))
      assert.include(message, "after a crash after append 1")
    })
  )

  it.effect("ends a handler at a crash, even one that catches everything", () =>
    Effect.gen(function* () {
      const catching: Take = (id, cents, handling, event) =>
        Effect.catchCause(append(id, cents, handling, event), () =>
          Payment.append("apology", [{ type: "Taken", data: { cents: 0 } }])
        )
      yield* spec(catching).when(placed("2")).thenAppends(taken("2"))
    })
  )

  it.effect("passes if the handler fails as expected, and fails if it leaves something", () =>
    Effect.gen(function* () {
      const refusing: Take = (id, cents, handling, event) =>
        cents > 1000 ? Effect.void : append(id, cents, handling, event)
      const failing = spec(refusing).when(placed("2"), placed("3", 1001))
      yield* refused(failing.thenFails())
      const alone = spec(refusing).when(placed("3", 1001))
      yield* alone.thenFails((error, event) => error instanceof NoMoney && event.stream === "order-3")
      assert.include(yield* refused(alone.thenFails(() => false)), "for another reason than expected")
      assert.include(yield* refused(alone.thenNothing), "was not handled")
      const message = yield* refused(spec(append).when(placed("3", 1001)).thenFails())
      assert.include(message, "although the handler failed")
      const { appended, failure, given } = yield* spec(append).when(placed("3", 1001)).outcome
      assert.deepStrictEqual(
        [appended.length, given.length, failure?.event.position, failure?.error],
        [1, 1, 0, new NoMoney({ cents: 1001 })]
      )
    })
  )

  it.effect("checks causes and correlation ids", () =>
    Effect.gen(function* () {
      const when = spec(append).when({ ...placed("2"), correlationId: "c" })
      yield* when.thenAppends({ ...taken("2"), causationId: "given-0", correlationId: "c" })
      yield* when.thenAppends(taken("2"))
      const lost: Take = (id, cents, handling, event) =>
        Effect.provideService(append(id, cents, handling, event), EventContext.EventContext, undefined)
      const message = yield* refused(spec(lost).when(placed("2")).thenAppends(taken("2")))
      assert.include(message, "does not name the handled event as its cause")
    })
  )

  it.effect("handles what the handler appends itself, and gives it its services", () =>
    Effect.gen(function* () {
      class Rate extends Context.Service<Rate, number>()("Rate") {}
      const halving = Consumer.make({
        name: "halving",
        filter: { categories: ["payment"] },
        handler: (event, { checkpoint }) =>
          Effect.gen(function* () {
            const rate = yield* Rate
            const { data } = yield* Payment.decode(event)
            const cents = Math.floor(data.cents / rate)
            if (cents > 0) yield* Payment.append("half", [{ type: "Taken", data: { cents } }], { checkpoint })
          })
      })
      const check = ConsumerSpec.given(halving, [])
        .when(taken("9", 9))
        .thenAppends(taken("half", 4), taken("half", 2), taken("half", 1))
      yield* Effect.provideService(check, Rate, 2)
    })
  )

  it.live("works with a clock that runs", () => spec(append).when(placed("2")).thenAppends(taken("2")))
})
