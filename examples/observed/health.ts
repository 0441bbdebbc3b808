/**
 * A health check that does not lie: it is healthy only if an append was synced since the last check, and if no consumer is
 * stalled or stopped. Copy this file.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Consumer from "litetapes/Consumer"
import * as Lib from "litetapes/Lib"
import * as Tape from "litetapes/Tape"

export interface Health {
  readonly healthy: boolean
  /** Why it is not healthy. */
  readonly problems: ReadonlyArray<string>
}

/** What is watched of a consumer, or of a projection. */
type Watched = Pick<Consumer.Running, "name" | "status">

/** Time that an append may take. */
const within = "2 seconds"

/** Makes the check. It appends a record to the tape `heartbeat` if nothing else was appended since the last check. */
export const make = Effect.fnUntraced(function* (consumers: ReadonlyArray<Watched>) {
  const lib = yield* Lib.Lib
  const heartbeat = yield* Tape.makeOrCreate("heartbeat")
  let batchBefore = (yield* lib.durable).batch
  let proof: Fiber.Fiber<unknown, Lib.AppendError> | undefined

  const appends = Effect.gen(function* () {
    // A disk that hangs cannot be interrupted. So the append runs in a fibre of its own, and the next check waits for
    // the same one.
    if (proof === undefined) {
      // Each batch is synced, and then the lock is checked: a batch of others proves as much as one of ours. A commit
      // of nothing only tells whether the writer has stopped.
      const { batch } = yield* lib.durable
      const records = batch > batchBefore ? [] : [{ tape: heartbeat.name, records: [{ $type: "Heartbeat" }] }]
      proof = yield* Effect.forkDetach(lib.commit(records))
    }
    const exit = yield* Fiber.await(proof)
    proof = undefined
    batchBefore = (yield* lib.durable).batch
    return yield* exit
  }).pipe(
    Effect.timeout(within),
    Effect.match({ onFailure: ({ _tag, message }) => [`${_tag}: ${message}`], onSuccess: () => [] })
  )

  const consumes = Effect.forEach(consumers, ({ name, status }) =>
    Effect.map(status, ({ error, state }) => {
      if (state === "stalled") return [`${name} is stalled: see its log line`]
      if (state !== "stopped") return []
      return [`${name} is stopped: ${error instanceof Error ? error.message : "its scope was closed"}`]
    })
  )

  return Effect.map(Effect.exit(Effect.all([appends, consumes])), (exit): Health => {
    if (Exit.isFailure(exit)) return { healthy: false, problems: [String(exit.cause)] }
    const [appending, consuming] = exit.value
    const problems = [...appending, ...consuming.flat()]
    return { healthy: problems.length === 0, problems }
  })
})
