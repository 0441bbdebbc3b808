/** The guide's table of promise calls has all of them. */
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as PromiseStore from "litetapes/PromiseStore"
import { assert, describe, it } from "vitest"
import { readDocument } from "../support/documents.ts"

const guide = readDocument("docs/GUIDE.md")

/** Returns the names in the rows of the table that begin with one of these. */
const listedIn = (...rows: ReadonlyArray<string>): Array<string> =>
  rows.flatMap((row) => {
    const line = guide.split("\n").find((one) => one.startsWith(`| ${row} `))
    assert.isDefined(line, row)
    // Before the colon is what the calls belong to.
    const calls = line!.split("|")[2]!.replace(/^[^:`]*\]\([^)]*\)[^:]*:/, "")
    return [...calls.matchAll(/`(\w+)`/g)].map(([, name]) => name!)
  })

describe("the table of promise calls in the guide", () => {
  it("lists every member of a store, a tape, a category and a consumer, and no other", async () => {
    await using store = await PromiseStore.open("lib", { storage: MemoryStorage.layer })
    const tape = await store.tape("notes")
    const category = store.category(Category.make("order", { Placed: Schema.Struct({}) }))
    const ofStore = Object.keys(store).filter((name) => name !== "tape" && name !== "category")
    assert.sameMembers(listedIn("of `EventStore`", "of `Lib`"), ofStore)
    assert.sameMembers(listedIn("`store.tape(name)`"), Object.keys(tape))
    assert.sameMembers(listedIn("`store.category(…)`"), Object.keys(category))
    await using consumer = await store.consume({ name: "mailing", checkpoints: new Map(), handler: () => undefined })
    assert.sameMembers(listedIn("`store.consume(…)`"), Object.keys(consumer))
  })
})
