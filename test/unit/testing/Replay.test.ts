/** Replays: they handle what a lib has, name the first event that is not handled, and leave the lib as it is. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import * as Projection from "litetapes/Projection"
import { Replay } from "litetapes/testing"
import * as View from "litetapes/View"
import type { Storage } from "litetapes/Storage"
import { createHash } from "node:crypto"
import { lstatSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const newFolder = temporaryFolder()

const Account = Category.make("account", { Opened: Schema.String, Deposited: Schema.Struct({ cents: Schema.Int }) })
/** A later version, which cannot read all events of the earlier one. */
const Positive = Category.make("account", {
  Opened: Schema.String,
  Deposited: Schema.Struct({ cents: Schema.Int.check(Schema.isGreaterThan(0)) })
})

type Cents = { readonly cents: number }

const projectionOf = (category: typeof Account, max: number, init = "cents INTEGER NOT NULL") =>
  Projection.make({
    name: "balances",
    init: ({ sql, table }) => sql.unsafe(`CREATE TABLE ${table("balance")} (${init}, CHECK (cents <= ${max}))`),
    drop: () => Effect.void,
    events: [
      Projection.on(category, {
        Opened: "ignore",
        Deposited: ({ data }, { sql, table }) =>
          sql`INSERT INTO ${sql(table("balance"))} (cents) VALUES (${data.cents})`
      })
    ]
  })

const few = (cents: number, max: number): number => {
  if (cents > max) throw new Error("too much")
  return cents
}

/** Each kind of target, which handles deposits up to `max`. */
const targets = {
  projection: (max: number) => Replay.projection(projectionOf(Account, max)),
  keyValue: (max: number) =>
    Replay.keyValue(
      Projection.makeKeyValue<"sums", number>({
        name: "sums",
        events: (on) => [
          on(Account, ({ stream }) => stream, {
            Opened: () => undefined,
            Deposited: (sum = 0, { data }) => sum + few(data.cents, max)
          })
        ]
      })
    ),
  view: (max: number) =>
    Replay.view(
      View.make({
        name: "sums",
        initialState: () => 0,
        events: (on) => [on(Account, { Opened: "ignore", Deposited: (sum, { data }) => sum + few(data.cents, max) })]
      })
    ),
  decider: (max: number) =>
    Replay.decider(
      Decider.make({
        name: "sums",
        category: Account,
        initialState: () => 0,
        evolve: (sum, event) => (event.type === "Opened" ? sum : sum + few(event.data.cents, max)),
        decide: (_: string) => undefined
      })
    ),
  category: (max: number) =>
    Replay.category(
      Category.make("account", {
        Opened: Schema.String,
        Deposited: Schema.Struct({ cents: Schema.Int.check(Schema.isLessThanOrEqualTo(max)) })
      })
    ),
  handler: (max: number) =>
    Replay.handler(({ data, type }) => Effect.sync(() => type === "Deposited" && few((data as Cents).cents, max)))
}

/** Returns path, time and contents of each file and folder. */
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .toSorted()
    .map((name) => {
      const path = join(folder, name)
      const { ctimeMs, mtimeMs, size } = lstatSync(path)
      const isFile = lstatSync(path).isFile()
      return {
        name,
        ctimeMs,
        mtimeMs,
        size,
        hash: isFile ? createHash("sha256").update(readFileSync(path)).digest("hex") : ""
      }
    })

/** Opens a lib with 4 events of accounts and one of another category, of which 3 are in segments. */
const opened = Effect.gen(function* () {
  const folder = newFolder()
  const first = Effect.gen(function* () {
    const store = yield* EventStore.open(folder)
    yield* store.append("account-1", [{ type: "Opened", data: "Ada" }])
    yield* store.append("account-1", [{ type: "Deposited", data: { cents: 5 } }])
    yield* store.append("other-1", [{ type: "Noted" }])
  })
  yield* Effect.scoped(first)
  const store = yield* EventStore.open(folder)
  yield* store.append("account-2", [{ type: "Deposited", data: { cents: -7 } }])
  yield* store.append("account-1", [{ type: "Deposited", data: { cents: 900 } }])
  return { folder, store }
})

const lib = <A, E>(test: Effect.Effect<A, E, Storage | Scope.Scope>) =>
  Effect.provide(Effect.scoped(test), NodeStorage.layer)

describe("a replay", () => {
  it.live("handles all events, with every kind of target, and changes no file while a writer is open", () =>
    lib(
      Effect.gen(function* () {
        const { folder, store } = yield* opened
        const before = filesIn(folder)
        for (const [name, target] of Object.entries(targets)) {
          const { events, position, types } = yield* Replay.run(folder, target(1000))
          const all = [["Opened", 1], ["Deposited", 3], ...(name === "handler" ? [["Noted", 1]] : [])]
          assert.sameDeepMembers([...types], all as Array<[string, number]>, name)
          assert.deepStrictEqual([events, position], [name === "handler" ? 5 : 4, 5], name)
        }
        assert.deepStrictEqual(filesIn(folder), before)
        yield* store.append("account-1", [{ type: "Opened", data: "Ada" }])
        assert.notDeepEqual(filesIn(folder), before)
      })
    )
  )

  it.live("fails with the first event that is not handled, with every kind of target", () =>
    lib(
      Effect.gen(function* () {
        const { folder } = yield* opened
        const before = filesIn(folder)
        for (const [name, target] of Object.entries(targets)) {
          const failure = yield* Effect.flip(Replay.run(folder, target(899)))
          assert.instanceOf(failure, Replay.ReplayFailure, name)
          const { handled, location, position, revision, stream, type } = failure
          assert.deepStrictEqual(
            { handled, location, position, revision, stream, type },
            {
              handled: name === "handler" ? 4 : 3,
              location: folder,
              position: 4,
              revision: 2,
              stream: "account-1",
              type: "Deposited"
            },
            name
          )
        }
        assert.deepStrictEqual(filesIn(folder), before)
        const unreadable = yield* Effect.flip(Replay.run(folder, Replay.projection(projectionOf(Positive, 1000))))
        assert.match(unreadable.message, /^the event at position 3 of .*: Deposited, revision 0 of stream "account-2"/)
      })
    )
  )

  it.live("replays a range, a filter, and a backup", () =>
    lib(
      Effect.gen(function* () {
        const { folder, store } = yield* opened
        const range = yield* Replay.run(folder, targets.projection(899), { from: 1, to: 4 })
        assert.deepStrictEqual([range.events, range.position], [2, 4])
        const filtered = yield* Replay.run(folder, targets.handler(0), { filter: { types: ["Opened", "Noted"] } })
        assert.deepStrictEqual(filtered.events, 2)
        const backup = newFolder()
        yield* store.lib.backup(backup)
        const before = filesIn(backup)
        assert.strictEqual((yield* Replay.run(backup, targets.view(1000))).events, 4)
        assert.deepStrictEqual(filesIn(backup), before)
      })
    )
  )

  it.live("says what keeps it from beginning, and what a transaction refuses at its end", () =>
    lib(
      Effect.gen(function* () {
        const { folder } = yield* opened
        const wrongTable = yield* Effect.flip(Replay.run(folder, Replay.projection(projectionOf(Account, 0, "cents,"))))
        assert.strictEqual(wrongTable._tag, "ProjectionFailed")
        const nowhere = yield* Effect.flip(Replay.run(newFolder(), targets.view(0)))
        assert.strictEqual(nowhere._tag, "LibInvalid")
        const deferred = "cents INTEGER REFERENCES owner (id) DEFERRABLE INITIALLY DEFERRED"
        const projection = projectionOf(Account, 1000, deferred)
        const { init } = projection.options
        const options: typeof projection.options = {
          ...projection.options,
          init: (tools) => Effect.andThen(tools.sql`CREATE TABLE owner (id INTEGER PRIMARY KEY)`, init(tools))
        }
        const late = yield* Effect.flip(Replay.run(folder, Replay.projection({ ...projection, options })))
        assert.instanceOf(late, Replay.ReplayFailure)
        assert.include(String(late.error), "SqlError")
      })
    )
  )
})
