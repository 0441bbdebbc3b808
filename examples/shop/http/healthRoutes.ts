/** Can the shop work? It is ready if an append is acknowledged, and if no consumer or read model has stopped. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as Tape from "litetapes/Tape"
import { running } from "../running.ts"
import { Api } from "./api.ts"
import { NotReady } from "./problems.ts"

/** Fails unless the writer can append. If others have appended since the last check, that proves it. */
const makeAppendCheck = Effect.gen(function* () {
  const lib = yield* Lib.Lib
  const heartbeat = yield* Tape.makeOrCreate("heartbeat")
  let before = (yield* lib.durable).batch
  return Effect.gen(function* () {
    const { batch } = yield* lib.durable
    const records = batch > before ? [] : [{ tape: heartbeat.name, records: [{ $type: "Heartbeat" }] }]
    // In a fibre of its own, because an append that waits for the disk cannot be interrupted.
    const proof = yield* Effect.forkDetach(lib.commit(records))
    yield* Effect.timeout(Fiber.join(proof), "2 seconds")
    before = (yield* lib.durable).batch
  })
})

export const healthRoutes = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fnUntraced(function* (handlers) {
    const store = yield* EventStore.EventStore
    const checkAppend = yield* makeAppendCheck
    const all = yield* running
    const ready = Effect.gen(function* () {
      const problems: Array<string> = []
      yield* Effect.catch(checkAppend, (error) => Effect.sync(() => problems.push(`append: ${error.message}`)))
      let lag = 0
      for (const { name, status } of all) {
        const { error, lag: left = 0, state } = yield* status
        lag = Math.max(lag, left)
        if (state !== "running") problems.push(`${name} is ${state}${error === undefined ? "" : `: ${String(error)}`}`)
      }
      if (problems.length > 0) return yield* new NotReady({ problems })
      return { position: yield* store.position, lag }
    })
    return handlers.handleAll({ live: () => Effect.void, ready: () => ready })
  })
)
