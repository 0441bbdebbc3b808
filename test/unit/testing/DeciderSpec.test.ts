/** The tests of deciders that `litetapes/testing` offers say what a store would do, and fail if it is not what was expected. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"
import { DeciderSpec } from "litetapes/testing"
import { AssertionError } from "node:assert"
import { assert, describe, it } from "vitest"

const Wallet = Category.make(
  "wallet",
  { Deposited: Schema.Struct({ cents: Schema.Int }), Withdrawn: Schema.Struct({ cents: Schema.Int }) },
  { metadata: Schema.Struct({ user: Schema.optionalKey(Schema.String) }) }
)

class TooLittle extends Data.TaggedError("TooLittle")<{ readonly cents: number }> {}

const balances = Decider.make({
  name: "balances",
  category: Wallet,
  initialState: () => 0,
  evolve: (cents, { data, type }) => (type === "Deposited" ? cents + data.cents : cents - data.cents),
  decide: (by: number, cents) => {
    if (by === 0) return undefined
    if (cents + by < 0) return new TooLittle({ cents })
    return by > 0 ? { type: "Deposited", data: { cents: by } } : { type: "Withdrawn", data: { cents: -by } }
  }
})

const spec = DeciderSpec.given(balances, [
  { type: "Deposited", data: { cents: 500 } },
  { type: "Withdrawn", data: { cents: 100 } }
])

describe("a test of a decider", () => {
  it("passes if the command does what was expected", () => {
    spec.when(-300).thenEvents({ type: "Withdrawn", data: { cents: 300 } })
    spec.when(-300).thenState(100)
    spec.when(0).thenNothing()
    spec.when(-401).thenRejected(({ cents }) => cents === 400)
    spec.when(-401).thenRejected()
    DeciderSpec.given(balances, []).when(0).thenState(0)
  })

  it("fails otherwise", () => {
    const wrong = [
      () => spec.when(-300).thenEvents(),
      () => spec.when(-300).thenEvents({ type: "Withdrawn", data: { cents: 301 } }),
      () => spec.when(-300).thenNothing(),
      () => spec.when(-300).thenState(0),
      () => spec.when(-300).thenRejected(),
      () => spec.when(-401).thenRejected(({ cents }) => cents === 1),
      () => spec.when(-401).thenNothing(),
      () => spec.when(-401).thenEvents()
    ]
    for (const one of wrong) assert.throws(one, AssertionError)
  })

  it("refuses events that do not match their schemas, given or decided", () => {
    const given = DeciderSpec.given(balances, [{ type: "Deposited", data: { cents: 0.5 } }])
    assert.throws(() => given.when(0).thenNothing(), /Deposited does not fit the schema/)
    assert.throws(() => spec.when(0.5).thenNothing(), /Deposited does not fit the schema/)
  })

  it("may begin with events of retired types, but not decide them", () => {
    const versions = Category.versions(Schema.Int).next(Schema.Struct({ cents: Schema.Date }), () => ({
      cents: new Date(0)
    }))
    const Old = Category.make("wallet", { Closed: Schema.Null }, { retired: { Audited: versions } })
    const audits = Decider.make({
      name: "audits",
      category: Old,
      initialState: () => 0,
      evolve: (sum, event) => (event.type === "Audited" ? sum + event.data.cents.getTime() : sum),
      decide: (type: "Closed" | "Audited") => ({ type, data: null }) as { readonly type: "Closed"; readonly data: null }
    })
    const given = DeciderSpec.given(audits, [{ type: "Audited", data: { cents: new Date(7) } }])
    given.when("Closed").thenState(7)
    assert.throws(() => given.when("Audited").thenNothing(), /the type is retired/)
    const wrong = DeciderSpec.given(audits, [{ type: "Audited", data: { cents: 7 as never } }])
    assert.throws(() => wrong.when("Closed").thenNothing(), /Audited does not fit the schema/)
  })

  it("has the outcome of decisions that wait", async () => {
    const slow = Decider.make({
      ...balances.options,
      decide: (by: number) => Effect.as(Effect.sleep(1), { type: "Deposited" as const, data: { cents: by } })
    })
    const when = DeciderSpec.given(slow, []).when(5)
    const { events, state } = await Effect.runPromise(when.outcome)
    assert.deepStrictEqual([events, state], [[{ type: "Deposited", data: { cents: 5 } }], 5])
    assert.throws(() => when.thenState(5))
  })
})
