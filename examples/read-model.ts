/**
 * A read model in SQLite, kept up to date by hand: the balance of each account. The checkpoint is in the same transaction
 * as the rows, so a crash neither loses an event nor counts it twice, and a restored lib is noticed.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite" // Node 24 has it without a warning

const Account = Category.make("account", { Deposited: Schema.Struct({ cents: Schema.Int }) })
type Event = Category.RecordedOf<typeof Account>

/** The tables: the read model, and one row with the place of the last event that it has handled. */
class Balances {
  readonly #database: DatabaseSync

  constructor(file: string) {
    this.#database = new DatabaseSync(file)
    this.#database.exec(
      "CREATE TABLE IF NOT EXISTS balance (account TEXT PRIMARY KEY, cents INTEGER NOT NULL);" +
        "CREATE TABLE IF NOT EXISTS checkpoint (lib TEXT NOT NULL, lineage TEXT NOT NULL, position INTEGER NOT NULL)"
    )
  }

  checkpoint(): Lib.Place | undefined {
    const row = this.#database.prepare("SELECT lib, lineage, position FROM checkpoint").get()
    return row as unknown as Lib.Place | undefined
  }

  /** Handles some events and moves the checkpoint, in one transaction. */
  handle(events: ReadonlyArray<Event>, place: Lib.Place): void {
    const add = this.#database.prepare(
      "INSERT INTO balance VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET cents = cents + excluded.cents"
    )
    this.#inTransaction(() => {
      for (const { stream, data } of events) add.run(stream, data.cents)
      this.#database.exec("DELETE FROM checkpoint")
      this.#database.prepare("INSERT INTO checkpoint VALUES (?, ?, ?)").run(place.lib, place.lineage, place.position)
    })
  }

  clear(): void {
    this.#inTransaction(() => this.#database.exec("DELETE FROM balance; DELETE FROM checkpoint"))
  }

  of(account: string): number {
    const row = this.#database.prepare("SELECT cents FROM balance WHERE account = ?").get(account)
    return row === undefined ? 0 : Number(row["cents"])
  }

  close(): void {
    this.#database.close()
  }

  #inTransaction(run: () => void): void {
    this.#database.exec("BEGIN")
    try {
      run()
      this.#database.exec("COMMIT")
    } catch (error) {
      this.#database.exec("ROLLBACK")
      throw error
    }
  }
}

/** Handles everything that is new, a chunk at a time. Returns how many events that were. */
const catchUp = Effect.fnUntraced(function* (balances: Balances, handled: (events: number) => void = () => {}) {
  const lib = yield* Lib.Lib
  yield* lib.refresh // does nothing in a writer
  let checkpoint = balances.checkpoint()
  if (checkpoint !== undefined && !(yield* lib.contains(checkpoint))) {
    yield* Console.log("The lib was restored to an earlier position: the read model is rebuilt.")
    balances.clear()
    checkpoint = undefined
  }
  let count = 0
  const from = checkpoint === undefined ? 0 : checkpoint.position + 1
  yield* Stream.runForEachArray(Account.readAll({ from }), (events) =>
    Effect.sync(() => {
      balances.handle(events, { lib: lib.id, lineage: lib.lineage, position: events.at(-1)!.position })
      count += events.length
      handled(count)
    })
  )
  return count
})

const deposit = (account: string, cents: number) => Account.append(account, [{ type: "Deposited", data: { cents } }])

const program = (at: (name: string) => string) =>
  Effect.gen(function* () {
    const balances = yield* Effect.acquireRelease(
      Effect.sync(() => new Balances(at("balances.db"))),
      (opened) => Effect.sync(() => opened.close())
    )
    const writing = Effect.gen(function* () {
      yield* Effect.forEach(
        Array.from({ length: 2000 }, (_, n) => n),
        (n) => deposit(`${n % 10}`, 1),
        { concurrency: 100, discard: true }
      )

      // The process dies between two chunks. Here it only stops with an error.
      const died = yield* Effect.exit(
        catchUp(balances, (count) => {
          throw new Error(`died after ${count} events`)
        })
      )
      assert.equal(died._tag, "Failure")
      const before = balances.checkpoint()!.position + 1
      const rest = yield* catchUp(balances)
      assert.equal(before + rest, 2000)
      assert.equal(balances.of("account-7"), 200)
      yield* Console.log(`Continued after ${before} events and handled ${rest} more: each once.`)

      assert.equal(yield* catchUp(balances), 0)
      yield* (yield* Lib.Lib).backup(at("backup"))
      yield* deposit("7", 1_000_000)
      assert.equal(yield* catchUp(balances), 1)
      assert.equal(balances.of("account-7"), 1_000_200)
    })
    yield* Effect.provide(writing, EventStore.layer(at("lib")))

    // The deposit was a mistake: the lib is restored from the backup. The read model notices at its next run.
    yield* Lib.restore(at("backup"), at("restored"))
    const following = Effect.gen(function* () {
      assert.equal(yield* catchUp(balances), 2000)
      assert.equal(balances.of("account-7"), 200)
      yield* Console.log("Rebuilt without the mistake.")
    })
    // Another process could do this too: it only reads.
    yield* Effect.provide(following, EventStore.layer(at("restored"), { mode: "read" }))
  })

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-read-model-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

Effect.scoped(Effect.flatMap(scratch, (folder) => program((name) => join(folder, name)))).pipe(
  Effect.provide(NodeStorage.layer),
  NodeRuntime.runMain
)
