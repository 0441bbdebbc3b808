/** Consumers over a lib in memory, and what they have handled. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { openSession, storeOf } from "./openLib.ts"

export type Checkpoints = CheckpointStore.CheckpointStore["Service"]
export type Store = EventStore.EventStore["Service"]
export type Options = Consumer.Options<string, unknown, never>

export const quiet = Logger.layer([])
export const made = [{ type: "Made", data: {} }]

export const openStore = Effect.gen(function* () {
  const storage = yield* MemoryStorage.make
  const { close, lib } = yield* openSession(storage, "lib")
  yield* Effect.addFinalizer(() => close)
  return { storage, lib, close, store: yield* storeOf(lib) }
})

/** Runs a consumer that notes what it handles, until `close`. */
export const start = (store: Store, checkpoints: Checkpoints, options: Partial<Options> = {}) =>
  Effect.gen(function* () {
    const handled: Array<number> = []
    const handler: Options["handler"] = options.handler ?? (() => Effect.void)
    const consumer = Consumer.make({
      name: "tested",
      retry: Schedule.spaced(0),
      ...options,
      handler: (event, handling) =>
        Effect.tap(handler(event, handling), () => Effect.sync(() => handled.push(event.position)))
    })
    const scope = yield* Scope.make()
    const running = yield* Consumer.run(consumer).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provideService(EventStore.EventStore, store),
      Effect.provideService(CheckpointStore.CheckpointStore, checkpoints),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
    const close = Scope.close(scope, Exit.void)
    yield* Effect.addFinalizer(() => close)
    return { running, handled, close }
  })
