/** The tests of projections that `litetapes/testing` offers say what production would do, and fail if it is not what was expected. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as Projection from "litetapes/Projection"
import { GivenEvents, ProjectionSpec } from "litetapes/testing"
import * as View from "litetapes/View"
import { AssertionError } from "node:assert"

const Account = Category.make("account", {
  Opened: Schema.Struct({ owner: Schema.String }),
  Deposited: Schema.Struct({ cents: Schema.Int })
})

const balances = Projection.make({
  name: "balances",
  init: ({ sql, table }) =>
    sql`CREATE TABLE ${sql(table("balance"))} (account TEXT PRIMARY KEY, cents INTEGER NOT NULL CHECK (cents < 1000))`,
  drop: ({ sql, table }) => sql`DROP TABLE ${sql(table("balance"))}`,
  events: [
    Projection.on(Account, {
      Opened: "ignore",
      Deposited: ({ data, stream }, { sql, table }) =>
        sql`INSERT INTO ${sql(table("balance"))} AS b VALUES (${stream}, ${data.cents})
          ON CONFLICT (account) DO UPDATE SET cents = b.cents + excluded.cents`
    })
  ]
})

const balance = ({ sql, table }: Projection.Tools) => sql`SELECT * FROM ${sql(table("balance"))} ORDER BY account`

const events = [
  GivenEvents.of(Account, "17", [
    { type: "Opened", data: { owner: "Ada" } },
    { type: "Deposited", data: { cents: 500 } }
  ]),
  GivenEvents.of(Account, "4", [{ type: "Deposited", data: { cents: 7 } }]),
  GivenEvents.of(Account, "17", [{ type: "Deposited", data: { cents: 300 } }])
]
const tooMuch = GivenEvents.of(Account, "17", [{ type: "Deposited", data: { cents: 200 } }])

const rows = [
  { account: "account-17", cents: 800 },
  { account: "account-4", cents: 7 }
]

const refused = (check: ProjectionSpec.Check) =>
  Effect.map(Effect.flip(check), (error) => {
    assert.instanceOf(error, AssertionError)
    return error.message
  })

describe("a test of a projection in SQL", () => {
  const spec = ProjectionSpec.given(balances, events)

  it.effect("passes if the rows are those that were expected", () => spec.thenRows(balance, rows))

  it.effect("fails otherwise, and if an event is not handled", () =>
    Effect.gen(function* () {
      assert.include(yield* refused(spec.thenRows(balance, [rows[0]!])), "account-4")
      const message = yield* refused(ProjectionSpec.given(balances, [...events, tooMuch]).thenRows(balance, rows))
      assert.include(message, "Deposited (stream account-17, revision 3, position 4) was not handled")
    })
  )

  it.effect("passes if the handler fails as expected, and fails if it does not fail", () =>
    Effect.gen(function* () {
      const failing = ProjectionSpec.given(balances, [...events, tooMuch])
      yield* failing.thenFails((error, { position }) => position === 4 && String(error).includes("SqlError"))
      assert.include(yield* refused(failing.thenFails(() => false)), "for another reason than expected")
      assert.include(yield* refused(spec.thenFails()), "a failure was expected")
    })
  )

  it.effect("finds what a handler keeps elsewhere", () =>
    Effect.gen(function* () {
      let sum = 0
      const summing = Projection.make({
        ...balances.options,
        events: [
          Projection.on(Account, {
            Opened: "ignore",
            Deposited: ({ data, stream }, { sql, table }) =>
              Effect.suspend(() => {
                sum += data.cents
                return sql`INSERT INTO ${sql(table("balance"))} VALUES (${stream}, ${sum}) ON CONFLICT DO UPDATE SET cents = ${sum}`
              })
          })
        ]
      })
      const check = ProjectionSpec.given(summing, [events[1]!]).thenRows(balance, [rows[1]!])
      assert.include(yield* refused(check), "when events are handled again")
    })
  )

  it.effect("makes up the rest of an event, unless it is given", () => {
    const seen = Projection.make({
      name: "seen",
      init: ({ sql }) => sql`CREATE TABLE seen (stream, revision, position, time, id, correlation)`,
      drop: ({ sql }) => sql`DROP TABLE seen`,
      events: [
        Projection.on(Account, {
          Opened: "ignore",
          Deposited: ({ id, metadata, position, revision, stream, time }, { sql }) =>
            sql`INSERT INTO seen VALUES (${stream}, ${revision}, ${position}, ${time}, ${id}, ${String(metadata["correlationId"])})`
        })
      ]
    })
    const deposit = { type: "Deposited", data: { cents: 1 } } as const
    const given = [
      GivenEvents.of(Account, "1", [deposit, deposit]),
      GivenEvents.of(Account, "2", [{ ...deposit, id: "mine" }], { time: "2020-02-03T04:05:06Z", correlationId: "c" }),
      { stream: "account-3", events: [deposit] }
    ]
    return ProjectionSpec.given(seen, given).thenRows(
      ({ sql }) =>
        sql`SELECT stream || ' ' || revision || ' ' || position || ' ' || time || ' ' || id || ' ' || correlation AS it FROM seen`,
      [
        { it: "account-1 0 0 2026-01-01T00:00:00.000Z given-0 undefined" },
        { it: "account-1 1 1 2026-01-01T00:00:01.000Z given-1 undefined" },
        { it: "account-2 0 2 2020-02-03T04:05:06.000Z mine c" },
        { it: "account-3 0 3 2020-02-03T04:05:07.000Z given-3 undefined" }
      ]
    )
  })

  it.effect("refuses events that do not match their schemas", () =>
    Effect.gen(function* () {
      const wrong = GivenEvents.of(Account, "17", [{ type: "Deposited", data: { cents: 0.5 } }])
      const error = yield* Effect.flip(ProjectionSpec.given(balances, [wrong]).thenRows(balance, []))
      assert.include(error.message, "Deposited does not fit the schema")
      const never = { ...events[0]!, time: "never" }
      const exit = yield* Effect.exit(ProjectionSpec.given(balances, [never]).thenRows(balance, []))
      assert.match(String(exit), /GivenEvents: time must be a time/)
    })
  )
})

describe("a test of a projection in a KeyValueStore", () => {
  const byOwner = (key: (stream: string) => string) =>
    Projection.makeKeyValue<"balances", number>({
      name: "balances",
      events: (on) => [
        on(Account, ({ stream }) => key(stream), {
          Opened: () => 0,
          Deposited: (cents = 0, { data }) => {
            if (cents + data.cents >= 1000) throw new Error("too much")
            return cents + data.cents
          }
        })
      ]
    })

  it.effect("compares values, and fails with the event that is not handled", () =>
    Effect.gen(function* () {
      const projection = byOwner((stream) => stream)
      const spec = ProjectionSpec.givenKeyValue(projection, events)
      yield* spec.thenValues({ "account-17": 800, "account-4": 7, "account-5": undefined })
      assert.include(yield* refused(spec.thenValues({ "account-17": 801 })), "801")
      const failing = ProjectionSpec.givenKeyValue(projection, [...events, tooMuch])
      yield* failing.thenFails((error, { position }) => position === 4 && String(error).includes("too much"))
      assert.include(yield* refused(failing.thenValues({})), "too much")
    })
  )

  it.effect("finds a key that is another one when events are handled again", () =>
    Effect.gen(function* () {
      let calls = 0
      const spec = ProjectionSpec.givenKeyValue(
        byOwner(() => (calls++ < 4 ? "first" : "later")),
        events
      )
      assert.include(yield* refused(spec.thenValues({ first: 807, later: undefined })), "when events are handled again")
    })
  )
})

describe("a test of a view", () => {
  const sums = (initialState: () => Map<string, number>) =>
    View.make({
      name: "sums",
      initialState,
      events: (on) => [
        on(Account, {
          Opened: "ignore",
          Deposited: (state, { data, stream }) => {
            if (data.cents === 200) throw new Error("not 200")
            return state.set(stream, (state.get(stream) ?? 0) + data.cents)
          }
        })
      ]
    })
  const expected = new Map([
    ["account-17", 800],
    ["account-4", 7]
  ])

  it.effect("compares the state, and fails with the event that is not folded", () =>
    Effect.gen(function* () {
      const view = sums(() => new Map())
      yield* ProjectionSpec.givenView(view, events).thenState(expected)
      yield* refused(ProjectionSpec.givenView(view, events).thenState(new Map()))
      const failing = ProjectionSpec.givenView(view, [...events, tooMuch])
      yield* failing.thenFails((error, { position }) => position === 4 && String(error).includes("not 200"))
      assert.include(yield* refused(failing.thenState(expected)), "not 200")
    })
  )

  it.effect("folds events of retired types", () => {
    const Old = Category.make("account", {}, { retired: { Audited: Schema.Struct({ at: Schema.Date }) } })
    const audits = View.make({
      name: "audits",
      initialState: () => "",
      events: (on) => [on(Old, { Audited: (state, { data, id }) => `${state} ${id} ${data.at.getTime()}` })]
    })
    const audited = GivenEvents.of(Old, "1", [
      { type: "Audited", data: { at: new Date(7) } },
      { type: "Audited", data: { at: new Date(8) } }
    ])
    return ProjectionSpec.givenView(audits, [audited]).thenState(" given-0 7 given-1 8")
  })

  it.effect("finds a state that two runs share", () =>
    Effect.gen(function* () {
      const shared = new Map<string, number>()
      const spec = ProjectionSpec.givenView(
        sums(() => shared),
        events
      )
      assert.include(yield* refused(spec.thenState(expected)), "when events are handled again")
    })
  )
})
