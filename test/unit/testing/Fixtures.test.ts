/** Fixtures of old events: what a check finds, and what is added to a file. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Fixtures } from "litetapes/testing"
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const newFolder = temporaryFolder()

const first = Category.versions(Schema.Struct({ euros: Schema.Int }))
const second = first.next(Schema.Struct({ cents: Schema.Int }), ({ euros }) => ({ cents: euros * 100 }))

const Before = Category.make("account", { Deposited: first, Closed: Schema.Null })
const Account = Category.make(
  "account",
  { Deposited: second.merge("Paid", Schema.Int, (cents) => ({ cents })) },
  { retired: { Closed: Schema.Null }, renamed: { Added: "Deposited" } }
)
/** The schema of the first version was changed, which must never be done. */
const Broken = Category.make("account", {
  Deposited: Category.versions(Schema.Struct({ euros: Schema.String })).next(
    Schema.Struct({ cents: Schema.Int }),
    ({ euros }) => ({ cents: Number(euros) * 100 })
  ),
  Closed: Schema.Null
})

const failing = <A>(check: Effect.Effect<A, Fixtures.FixturesFailure>) => Effect.runSync(Effect.flip(check))

const placesIn = (file: string): ReadonlyArray<string> => readFileSync(file, "utf8").split("\n")

describe("a check of fixtures", () => {
  it("returns the events as the program sees them, from a file, a folder, and a list", () => {
    const file = join(newFolder(), "account.jsonl")
    Effect.runSync(Fixtures.extend(Before, file))
    const stored = Effect.runSync(Fixtures.extend(Account, file))
    const events = Effect.runSync(Fixtures.check(Account, file))
    // Deposited 1 and 2, Closed, Added, Paid: three each.
    assert.strictEqual(events.length, 15)
    assert.isTrue(events.every((event) => event.type === "Closed" || Number.isSafeInteger(event.data.cents)))
    assert.deepStrictEqual(Effect.runSync(Fixtures.check(Account, join(file, ".."))), events)
    assert.deepStrictEqual(failing(Fixtures.check(Account, stored)).missing, [{ name: "Closed", version: 1 }])
  })

  it("names each event that is no longer read, with its line, its version and the reason", () => {
    const file = join(newFolder(), "account.jsonl")
    Effect.runSync(Fixtures.extend(Before, file, { perVersion: 1 }))
    Effect.runSync(Fixtures.extend(Broken, file, { perVersion: 1 }))
    const failure = failing(Fixtures.check(Broken, file))
    assert.strictEqual(failure.unreadable.length, 1)
    assert.include(failure.message, `${file}:1: event at revision 0 of stream "account-generated"`)
    assert.match(failure.message, /Deposited \(version 1\) does not fit the schema.*string/)
    assert.deepStrictEqual(failure.missing, [])
  })

  it("names each version and each former name without an event", () => {
    const failure = failing(Fixtures.check(Account, []))
    assert.deepStrictEqual(failure.missing, [
      { name: "Deposited", version: 1 },
      { name: "Deposited", version: 2 },
      { name: "Paid", version: 1 },
      { name: "Closed", version: 1 },
      { name: "Added", version: 1 }
    ])
    assert.include(failure.message, "there is no event of Deposited, version 2")
  })

  it("names lines that are not events, and a file that is not there", () => {
    const file = join(newFolder(), "account.jsonl")
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, '{"$type":"Deposited"}\nnothing\n')
    const failure = failing(Fixtures.check(Account, file))
    assert.deepStrictEqual(
      failure.unreadable.map((line) => line.slice(0, file.length + 36)),
      [`${file}:1: it is not the record of an event`, `${file}:2: it is not the record of an event`].map((line) =>
        line.slice(0, file.length + 36)
      )
    )
    assert.match(failing(Fixtures.check(Account, `${file}.gone`)).message, /cannot be read: ENOENT/)
    // Nothing is added to a file that may be another one.
    assert.strictEqual(failing(Fixtures.extend(Account, file)).unreadable.length, 2)
    assert.strictEqual(placesIn(file).length, 3)
  })
})

describe("fixtures that are added", () => {
  it("are those that are missing, once, after what is there", () => {
    const file = join(newFolder(), "deep", "account.jsonl")
    const added = Effect.runSync(Fixtures.extend(Before, file, { perVersion: 2 }))
    assert.deepStrictEqual(
      added.map(({ id }) => id),
      ["Deposited-1-0", "Deposited-1-1", "Closed-1-0", "Closed-1-1"]
    )
    const before = readFileSync(file, "utf8")
    assert.deepStrictEqual(Effect.runSync(Fixtures.extend(Before, file)), [])
    assert.strictEqual(readFileSync(file, "utf8"), before)
    // An editor may have left out the last newline.
    writeFileSync(file, before.trimEnd())
    Effect.runSync(Fixtures.extend(Account, file))
    assert.isTrue(readFileSync(file, "utf8").startsWith(before))
    assert.strictEqual(Effect.runSync(Fixtures.check(Account, file)).length, 4 + 9)
    // The same ones in every run.
    const other = `${file}.other.jsonl`
    copyFileSync(file, other)
    writeFileSync(file, before)
    Effect.runSync(Fixtures.extend(Account, file))
    assert.strictEqual(readFileSync(file, "utf8"), readFileSync(other, "utf8"))
  })

  it.effect("are stored events of a lib, if they are collected there", () =>
    Effect.gen(function* () {
      const file = join(newFolder(), "account.jsonl")
      const store = yield* EventStore.EventStore
      yield* store.append("other-1", [{ type: "Deposited", data: { euros: 1 } }])
      for (const euros of [1, 2, 3]) yield* Before.append("1", [{ type: "Deposited", data: { euros } }])
      yield* Account.append("1", [{ type: "Deposited", data: { cents: 5 } }])
      yield* store.append("account-2", [
        { type: "Paid", data: 4 },
        { type: "Added", data: { cents: 6 }, metadata: { schemaVersion: 2 } },
        { type: "Closed", data: null }
      ])
      const from = yield* Fixtures.collect(Account, 2)
      assert.strictEqual(from.length, 6)
      const added = yield* Fixtures.extend(Account, file, { from, perVersion: 1 })
      assert.strictEqual(added.length, 5)
      const events = yield* Fixtures.check(Account, file)
      assert.deepStrictEqual<ReadonlyArray<unknown>>(
        events.map(({ data }) => data),
        [{ cents: 100 }, { cents: 5 }, { cents: 4 }, null, { cents: 6 }]
      )
      assert.deepStrictEqual(yield* Fixtures.check(Account, from).pipe(Effect.map((all) => all.length)), 6)
    }).pipe(Effect.provide(Layer.provide(EventStore.layer("place"), MemoryStorage.layer)))
  )
})
