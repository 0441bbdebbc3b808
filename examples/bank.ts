/**
 * Decides on the state of an aggregate while others do the same: fifty withdrawals at the same time from one account, and
 * transfers between two. A decider loads the balance, decides, and appends at the revision that it decided on. No account is
 * ever overdrawn.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as Decider from "litetapes/Decider"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const Cents = Schema.Int.check(Schema.isGreaterThan(0))

const Account = Category.make("account", {
  AccountOpened: Schema.Struct({ owner: Schema.String }),
  Deposited: Schema.Struct({ cents: Cents }),
  Withdrawn: Schema.Struct({ cents: Cents })
})

type Command =
  | { readonly type: "open"; readonly owner: string }
  | { readonly type: "deposit" | "withdraw"; readonly cents: number }

/** The command is not possible. Nothing was appended. */
class Refused extends Data.TaggedError("Refused")<{ readonly why: string }> {}

/** Balance after some events; `undefined` before the account is opened. */
const evolve = (cents: number | undefined, event: Category.EventOf<typeof Account>): number | undefined => {
  if (event.type === "AccountOpened") return 0
  return (cents ?? 0) + (event.type === "Deposited" ? event.data.cents : -event.data.cents)
}

const accounts = Decider.make({
  name: "accounts",
  category: Account,
  initialState: (): number | undefined => undefined,
  evolve,
  decide: (command: Command, cents) => {
    if (command.type === "open") {
      if (cents !== undefined) return new Refused({ why: "there is such an account" })
      return { type: "AccountOpened", data: { owner: command.owner } }
    }
    if (cents === undefined) return new Refused({ why: "there is no such account" })
    if (command.type === "deposit") return { type: "Deposited", data: { cents: command.cents } }
    if (cents < command.cents) return new Refused({ why: `only ${cents} cents are left` })
    return { type: "Withdrawn", data: { cents: command.cents } }
  }
})

/** Moves money from one account to another one, as a whole or not at all. */
const transfer = (from: string, to: string, cents: number) =>
  Decider.handleAll([
    Decider.to(accounts, from, { type: "withdraw", cents }),
    Decider.to(accounts, to, { type: "deposit", cents })
  ])

class Violated extends Data.TaggedError("Violated")<{ readonly message: string }> {}

const must = (holds: boolean, message: string) => (holds ? Effect.void : Effect.fail(new Violated({ message })))

/** Runs many at the same time, and returns how many were not refused. */
const atOnce = <A, E, R>(effects: ReadonlyArray<Effect.Effect<A, E | Refused, R>>) =>
  Effect.forEach(
    effects,
    (effect) => Effect.as(effect, true).pipe(Effect.catchTag("Refused", () => Effect.succeed(false))),
    {
      concurrency: "unbounded"
    }
  ).pipe(Effect.map((done) => done.filter((isDone) => isDone).length))

const program = Effect.gen(function* () {
  const [deposited, each, withdrawals] = [100_000, 3000, 50]
  yield* Decider.handle(accounts, "17", { type: "open", owner: "Ada" })
  yield* Decider.handle(accounts, "17", { type: "deposit", cents: deposited }, { commandId: "first-deposit" })
  // The answer was lost, so it is sent again: nothing happens.
  const again = yield* Decider.handle(
    accounts,
    "17",
    { type: "deposit", cents: deposited },
    { commandId: "first-deposit" }
  )
  yield* must(again.repeated && again.state === deposited, "the deposit was made twice")

  yield* Console.log(`${withdrawals} withdrawals of ${each} cents at once from an account with ${deposited} …`)
  const withdraw = Decider.handle(accounts, "17", { type: "withdraw", cents: each })
  const paid = yield* atOnce(Array.from({ length: withdrawals }, () => withdraw))
  const left = deposited - paid * each
  yield* Console.log(`${paid} were paid, ${withdrawals - paid} refused.`)
  yield* must(paid === Math.floor(deposited / each), `${paid} were paid`)
  yield* must((yield* Decider.load(accounts, "17")).state === left, "the balance is another one")

  yield* Decider.handle(accounts, "18", { type: "open", owner: "Bob" })
  yield* Decider.handle(accounts, "17", { type: "deposit", cents: each })
  const [there, back] = [transfer("17", "18", 500), transfer("18", "17", 500)]
  const moved = yield* atOnce(Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? there : back)))
  const ends = yield* Effect.forEach(["17", "18"], (id) => Decider.load(accounts, id))
  const total = ends.reduce((sum, { state = 0 }) => sum + state, 0)
  yield* must(total === left + each, "transfers made or lost money")

  // No balance is negative after any event, whatever their order.
  for (const id of ["17", "18"]) {
    yield* Stream.runFoldEffect(
      Account.read(id),
      (): number | undefined => undefined,
      (before, event) => {
        const after = evolve(before, event)
        return Effect.as(must(after! >= 0, `overdrawn at revision ${event.revision}: ${after}`), after)
      }
    )
  }
  yield* Console.log(
    `${moved} transfers. Never overdrawn: ${ends.map(({ state }) => state).join(" and ")} cents are left.`
  )
})

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "litetapes-bank-"))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
)

Effect.flatMap(folder, (made) => Effect.provide(program, EventStore.layer(join(made, "bank")))).pipe(
  Effect.scoped,
  Effect.provide(NodeStorage.layer),
  NodeRuntime.runMain
)
