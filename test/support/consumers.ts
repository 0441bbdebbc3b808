/** Consumers over a lib in memory, and what they have handled. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as CheckpointStore from "litetapes/CheckpointStore"
import * as Consumer from "litetapes/Consumer"
import * as EventStore from "litetapes/EventStore"
import { openInMemory } from "./openLib.ts"

export type Checkpoints = CheckpointStore.CheckpointStore["Service"]
export type Store = EventStore.EventStore["Service"]
export type Options = Consumer.Options<string, unknown, never>

export const quiet = Logger.layer([])
export const made = [{ type: "Made", data: {} }]

export const openStore = openInMemory()

/** Runs a consumer, until `close` runs or the test ends. */
export const runConsumer = (store: Store, checkpoints: Checkpoints, options: Options) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const close = Scope.close(scope, Exit.void)
    const running = yield* Consumer.run(Consumer.make(options)).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provideService(EventStore.EventStore, store),
      Effect.provideService(CheckpointStore.CheckpointStore, checkpoints),
      Effect.onError(() => close)
    )
    yield* Effect.addFinalizer(() => close)
    return { running, close }
  })

/** Runs a consumer that notes what it handles. */
export const start = (store: Store, checkpoints: Checkpoints, options: Partial<Options> = {}) =>
  Effect.gen(function* () {
    const handled: Array<number> = []
    const handler: Options["handler"] = options.handler ?? (() => Effect.void)
    const run = yield* runConsumer(store, checkpoints, {
      name: "tested",
      retry: Schedule.spaced(0),
      ...options,
      handler: (event, handling) =>
        Effect.tap(handler(event, handling), () => Effect.sync(() => handled.push(event.position)))
    })
    return { ...run, handled }
  })
