/** Runs a consumer for callers without Effect. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { resolve } from "node:path"
import { anything, type Check, type Checks, nested, unless } from "../../domain/format/checkOptions.ts"
import { aDuration, checkOptions } from "../../services/base/checkCall.ts"
import * as Consumer from "../../services/Consumer.ts"
import { missing, optionChecks } from "../../services/consumers/definition.ts"
import { stopping } from "../../services/consumers/Running.ts"
import { EventStore } from "../../services/EventStore.ts"
import type * as Lib from "../../services/Lib.ts"
import { CheckpointStore } from "../../services/ports/CheckpointStore.ts"
import type { Disk } from "../../services/ports/Disk.ts"
import { makeFolder } from "../checkpoints/folder.ts"
import { makeLib } from "../checkpoints/lib.ts"
import { memoryOf } from "../checkpoints/memory.ts"
import { traceCaller } from "./callerStack.ts"
import type { CallOptions } from "./CallOptions.ts"
import { callChecks } from "./callChecks.ts"
import type { ConsumeOptions, HandlerContext, PromiseConsumer, RetryOptions } from "./PromiseConsumer.ts"
import type { Runs } from "./Runs.ts"

const call = "PromiseStore.consume"

const areCheckpoints = (value: unknown): boolean =>
  typeof value === "string"
    ? value !== "" && !value.includes("\0")
    : value instanceof Map || typeof Reflect.get(Object(value), "claim") === "function"

const retryChecks = {
  pause: aDuration,
  factor: unless(
    (value) => typeof value === "number" && value >= 1 && value < Number.POSITIVE_INFINITY,
    "a number, 1 or more"
  ),
  pauseMax: aDuration
} satisfies Checks<RetryOptions>

// Without Effect, a handler has no client that could be in the transaction.
const { transaction: _, ...sharedChecks } = optionChecks

const consumeChecks: Readonly<Record<string, Check>> = {
  ...sharedChecks,
  retry: nested(retryChecks),
  checkpoints: unless(areCheckpoints, '"lib", the path of a folder, a Map, or a CheckpointStore'),
  signal: anything
} satisfies Checks<ConsumeOptions>

/** Resolves once the consumer runs. It ends with the scope of all consumers of the store. */
export const consume = (
  runs: Runs<EventStore | Lib.Lib>,
  consumers: Scope.Scope,
  disk: Disk["Service"],
  options: ConsumeOptions
) =>
  Effect.gen(function* () {
    yield* checkOptions(call, options, consumeChecks)
    const absent = missing(call, options, ["name", "handler", "checkpoints"])
    if (absent !== undefined) return yield* absent
    const { checkpoints, handler, retry, signal, ...rest } = options
    const aborting = new AbortController()
    const consumer = Consumer.make({
      ...rest,
      handler: handlerOf(handler, aborting.signal),
      ...(retry === undefined ? {} : { retry: scheduleOf(retry) })
    })
    const scope = Scope.forkUnsafe(consumers)
    const over = Scope.close(scope, Exit.void)
    const freed = Deferred.makeUnsafe<void>()
    yield* Scope.addFinalizer(scope, Deferred.succeed(freed, undefined))
    const running = yield* Consumer.run(consumer).pipe(
      Effect.provideService(CheckpointStore, yield* storeOf(checkpoints, disk)),
      Effect.provideService(Scope.Scope, scope),
      Effect.onError(() => over)
    )
    Effect.runFork(Effect.map(stopping(running), () => aborting.abort()))
    // Frees the name also if it fails by itself.
    const ended = Effect.runPromise(Effect.ensuring(running.stopped, Effect.andThen(over, Deferred.await(freed))))
    const settled = ended.catch(() => undefined)
    const stop = async (): Promise<void> => {
      Effect.runFork(over)
      await settled
    }
    const stopNow = (): void => void stop()
    if (signal?.aborted === true) stopNow()
    signal?.addEventListener("abort", stopNow, { once: true })
    void settled.then(() => signal?.removeEventListener("abort", stopNow))
    const done = traceCaller(ended)
    done.catch(() => undefined)
    return makeConsumer(runs, running, done, stop)
  })

const handlerOf =
  (handler: ConsumeOptions["handler"], signal: AbortSignal): Consumer.Options<string, unknown, never>["handler"] =>
  (event, handling) => {
    const context: HandlerContext = {
      signal,
      get checkpoint() {
        return handling.checkpoint
      }
    }
    return Effect.catch(
      Effect.tryPromise({ try: async () => handler(event, context), catch: (error) => error }),
      (error) => (signal.aborted ? Effect.interrupt : Effect.fail(error))
    )
  }

const scheduleOf = ({ factor = 2, pause = "100 millis", pauseMax }: RetryOptions): Schedule.Schedule<unknown> => {
  const longer = Schedule.exponential(pause, factor)
  return pauseMax === undefined ? longer : Schedule.min([longer, Schedule.spaced(Duration.fromInputUnsafe(pauseMax))])
}

const storeOf = (
  checkpoints: ConsumeOptions["checkpoints"],
  disk: Disk["Service"]
): Effect.Effect<CheckpointStore["Service"], never, EventStore> => {
  if (checkpoints === "lib") return Effect.map(EventStore, makeLib)
  if (typeof checkpoints === "string") return Effect.succeed(makeFolder(disk, resolve(checkpoints)))
  return Effect.succeed(checkpoints instanceof Map ? memoryOf(checkpoints) : checkpoints)
}

/** Makes the face of a consumer that runs. */
const makeConsumer = (
  runs: Runs<EventStore | Lib.Lib>,
  running: Consumer.Running,
  done: Promise<void>,
  stop: () => Promise<void>
): PromiseConsumer => {
  const call = <A, E>(
    kind: "read" | "change",
    name: string,
    options: CallOptions | undefined,
    make: () => Effect.Effect<A, E>
  ) => runs.run(kind, `PromiseConsumer.${name}`, options, make, callChecks)
  return {
    name: running.name,
    done,
    status: (options) => call("read", "status", options, () => running.status),
    whenProcessed: (position, options) => call("read", "whenProcessed", options, () => running.whenProcessed(position)),
    whenCaughtUp: (options) => call("read", "whenCaughtUp", options, () => running.whenCaughtUp),
    pause: (options) => call("read", "pause", options, () => running.pause),
    resume: () => call("read", "resume", undefined, () => running.resume),
    reset: (to, options) => call("change", "reset", options, () => running.reset(to)),
    parked: () => call("read", "parked", undefined, () => running.parked),
    replay: (position, options) => call("change", "replay", options, () => running.replay(position)),
    drop: (position, options) => call("change", "drop", options, () => running.drop(position)),
    stop,
    [Symbol.asyncDispose]: stop
  }
}
