/**
 * A read model in SQLite, kept by a consumer: the balance of each account. Each row has the position of the last event that
 * changed it, so an event that is handled again changes nothing. A restored lib is noticed, and the model is built anew.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Category from "litetapes/Category"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeDisk from "litetapes/NodeDisk"
import * as NodeStorage from "litetapes/NodeStorage"
import * as assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite" // Node 24 has it without a warning

const Deposited = Schema.Struct({ cents: Schema.Int })
const Account = Category.make("account", { Deposited })

/** The read model: one row for each account. */
class Balances {
  readonly #database: DatabaseSync

  constructor(file: string) {
    this.#database = new DatabaseSync(file)
    this.#database.exec(
      "CREATE TABLE IF NOT EXISTS balance (account TEXT PRIMARY KEY, cents INTEGER NOT NULL, position INTEGER NOT NULL)"
    )
  }

  /** Adds a deposit, unless the row has it already. Is durable when it returns: the checkpoint must not pass it before. */
  deposit(account: string, cents: number, position: number): void {
    const add = this.#database.prepare(
      "INSERT INTO balance VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE " +
        "SET cents = cents + excluded.cents, position = excluded.position WHERE position < excluded.position"
    )
    add.run(account, cents, position)
  }

  clear(): void {
    this.#database.exec("DELETE FROM balance")
  }

  of(account: string): number {
    const row = this.#database.prepare("SELECT cents FROM balance WHERE account = ?").get(account)
    return row === undefined ? 0 : Number(row["cents"])
  }

  close(): void {
    this.#database.close()
  }
}

/** Keeps the balances. `handled` is called with each position, after its row was written. */
const keeping = (balances: Balances, handled: (position: number) => void, options: { beginsAgain?: boolean } = {}) =>
  Consumer.make({
    name: "balances",
    filter: { categories: ["account"] },
    handler: ({ data, position, stream }) =>
      Effect.map(Schema.decodeUnknownEffect(Deposited)(data), ({ cents }) => {
        balances.deposit(stream, cents, position)
        handled(position)
      }),
    maxAttempts: 1,
    onNotInHistory: options.beginsAgain === true ? "begin-again" : "fail"
  })

/** Runs the consumer until everything is handled. */
const catchUp = (...given: Parameters<typeof keeping>) =>
  Effect.scoped(Effect.flatMap(Consumer.run(keeping(...given)), (running) => running.whenCaughtUp))

/** Does the same with a lib that may have been restored: then the rows are of events that no longer exist. */
const catchUpOrRebuild = (balances: Balances, handled: (position: number) => void) =>
  Effect.catchTag(catchUp(balances, handled), "NotInHistory", () =>
    Effect.gen(function* () {
      yield* Console.log("The lib was restored to an earlier position: the read model is rebuilt.")
      balances.clear()
      yield* catchUp(balances, handled, { beginsAgain: true })
    })
  )

const deposit = (account: string, cents: number) => Account.append(account, [{ type: "Deposited", data: { cents } }])

const program = (at: (name: string) => string) =>
  Effect.gen(function* () {
    const balances = yield* Effect.acquireRelease(
      Effect.sync(() => new Balances(at("balances.db"))),
      (opened) => Effect.sync(() => opened.close())
    )
    const writing = Effect.gen(function* () {
      yield* Effect.forEach(
        Array.from({ length: 300 }, (_, n) => n),
        (n) => deposit(`${n % 10}`, 1),
        { concurrency: 100, discard: true }
      )

      // The program dies after a row was written, and before the event counts as done. Here it only stops with an error.
      const died = yield* Effect.flip(
        catchUp(balances, (position) => {
          if (position === 120) throw new Error("died")
        })
      )
      assert.equal(died._tag, "HandlerFailed")
      const rest: Array<number> = []
      yield* catchUpOrRebuild(balances, (position) => rest.push(position))
      assert.equal(rest[0], 120)
      for (let account = 0; account < 10; account++) assert.equal(balances.of(`account-${account}`), 30)
      yield* Console.log(`Continued after 120 events and handled ${rest.length} more: each counts once.`)

      yield* (yield* Lib.Lib).backup(at("backup"))
      yield* deposit("7", 1_000_000)
      yield* catchUpOrRebuild(balances, () => {})
      assert.equal(balances.of("account-7"), 1_000_030)
    })
    yield* Effect.provide(writing, EventStore.layer(at("lib")))

    // The deposit was a mistake: the lib is restored from the backup. The consumer notices at its next run.
    yield* Lib.restore(at("backup"), at("restored"))
    const following = Effect.gen(function* () {
      yield* catchUpOrRebuild(balances, () => {})
      assert.equal(balances.of("account-7"), 30)
      yield* Console.log("Rebuilt without the mistake.")
    })
    // Another process could do this too: it only reads.
    yield* Effect.provide(following, EventStore.layer(at("restored"), { mode: "read" }))
  }).pipe(Effect.provide(CheckpointStore.layerFolder(at("checkpoints"))))

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-read-model-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

Effect.scoped(Effect.flatMap(scratch, (folder) => program((name) => join(folder, name)))).pipe(
  // The log of the consumer that dies.
  Effect.provide(Layer.mergeAll(NodeStorage.layer, NodeDisk.layer, Logger.layer([]))),
  NodeRuntime.runMain
)
