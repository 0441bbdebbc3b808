/**
 * Decides on the state of a stream while others do the same: fifty withdrawals at the same time from one account. Each
 * loads the balance, decides, and appends with the revision that it decided on. If another one was faster, it starts
 * again. The account is never overdrawn.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Category from "litetapes/Category"
import * as EventErrors from "litetapes/EventErrors"
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

/** State of an account after some of its events. */
interface Balance {
  readonly cents: number
  /** Revision of the last event that was read: the next append expects it. */
  readonly revision: number
}

const evolve = ({ cents }: Balance, event: Category.RecordedOf<typeof Account>): Balance => {
  const { revision } = event
  if (event.type === "Deposited") return { cents: cents + event.data.cents, revision }
  if (event.type === "Withdrawn") return { cents: cents - event.data.cents, revision }
  return { cents, revision }
}

const load = (id: string) => Stream.runFold(Account.read(id), (): Balance => ({ cents: 0, revision: -1 }), evolve)

/** The balance is too low. Nothing was appended. */
class InsufficientFunds extends Data.TaggedError("InsufficientFunds")<{ readonly cents: number }> {}

let conflicts = 0

/** Loads, decides and appends; starts again if somebody else has appended to the stream meanwhile. */
const withdraw = (id: string, cents: number) =>
  Effect.gen(function* () {
    const balance = yield* load(id)
    if (balance.cents < cents) return yield* new InsufficientFunds({ cents: balance.cents })
    return yield* Account.append(id, [{ type: "Withdrawn", data: { cents } }], { expected: balance.revision })
  }).pipe(
    Effect.retry({
      while: (error) => {
        const wasSlower = EventErrors.isConflict(error)
        if (wasSlower) conflicts++
        return wasSlower
      }
    })
  )

class Violated extends Data.TaggedError("Violated")<{ readonly message: string }> {}

const must = (holds: boolean, message: string) => (holds ? Effect.void : Effect.fail(new Violated({ message })))

const program = Effect.gen(function* () {
  const id = "17"
  const [deposited, each, withdrawals] = [100_000, 3000, 50]
  yield* Account.append(
    id,
    [
      { type: "AccountOpened", data: { owner: "Ada" } },
      { type: "Deposited", data: { cents: deposited } }
    ],
    { expected: "no-stream" }
  )
  yield* Console.log(`${withdrawals} withdrawals of ${each} cents at once from an account with ${deposited} …`)
  const paid = yield* Effect.forEach(
    Array.from({ length: withdrawals }),
    () =>
      withdraw(id, each).pipe(
        Effect.as(true),
        Effect.catchTag("InsufficientFunds", () => Effect.succeed(false))
      ),
    { concurrency: "unbounded" }
  )
  const successes = paid.filter((success) => success).length
  const end = yield* load(id)
  yield* Console.log(
    `${successes} were paid, ${withdrawals - successes} refused; ${conflicts} times another one was faster.`
  )

  const possible = Math.min(withdrawals, Math.floor(deposited / each))
  yield* must(successes === possible, `${possible} withdrawals are covered, ${successes} were paid`)
  yield* must(end.cents === deposited - successes * each, `the balance is ${end.cents}`)
  yield* must(end.revision === 1 + successes, `the last revision is ${end.revision}`)
  yield* must(conflicts > 0, "no withdrawal met a conflict, so this run shows nothing")
  // The balance must not be negative after any event, whatever their order.
  yield* Stream.runFoldEffect(
    Account.read(id),
    (): Balance => ({ cents: 0, revision: -1 }),
    (before, event) => {
      const after = evolve(before, event)
      return Effect.as(must(after.cents >= 0, `overdrawn at revision ${event.revision}: ${after.cents}`), after)
    }
  )
  yield* Console.log(`Never overdrawn: ${end.cents} cents are left after ${end.revision + 1} events.`)
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
