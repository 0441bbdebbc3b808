/**
 * Consumers: handlers of events that remember how far they are, retry, and set aside what they cannot handle.
 *
 * A consumer handles each matching event at least once, and the events of a stream in order. After a crash it handles
 * some events again, so handling an event twice must do no harm.
 *
 * @example
 * ```ts
 * const mailing = Consumer.make({
 *   name: "mailing",
 *   filter: { types: ["OrderPaid"] },
 *   handler: (event) => sendMail(event.stream, event.id),
 *   partitions: 8,
 *   onPoison: "park"
 * })
 * const program = Effect.gen(function* () {
 *   const running = yield* mailing.running
 *   yield* running.whenCaughtUp
 * })
 * program.pipe(
 *   Effect.provide(Consumer.layer(mailing)),
 *   Effect.provide([EventStore.layer("./orders"), CheckpointStore.layerFolder("./checkpoints")]),
 *   Effect.provide([NodeStorage.layer, NodeDisk.layer])
 * )
 * ```
 *
 * @see `litetapes/CheckpointStore` for where checkpoints are kept
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { refuseWrongOptions } from "../domain/format/checkOptions.ts"
import { anEffect } from "./base/anEffect.ts"
import { dropParent, withoutParent } from "./base/spans.ts"
import type { ParkedEvent } from "./consumers/Checkpoint.ts"
import {
  CheckpointInvalid,
  ConsumerStopped,
  HandlerFailed,
  NewerConsumer,
  NotParked
} from "./consumers/ConsumerErrors.ts"
import { ConsumerRun } from "./consumers/ConsumerRun.ts"
import { type ConsumerError, ConsumerState, type EventSource } from "./consumers/ConsumerState.ts"
import {
  type Definition,
  contradiction,
  definitionOf,
  missing,
  type OnPoison,
  optionChecks,
  type Options
} from "./consumers/definition.ts"
import { CurrentCall } from "./consumers/HandlerContext.ts"
import type { Handling } from "./consumers/Handling.ts"
import { openConsumer, type OpenConsumerError } from "./consumers/openConsumer.ts"
import { type Running, runningOf } from "./consumers/Running.ts"
import { Operation } from "./consumers/spans.ts"
import type { LastError, Status } from "./consumers/Status.ts"
import { EventContext, of as causedBy } from "./EventContext.ts"
import { EventStore } from "./EventStore.ts"
import { findAccess } from "./internals.ts"
import { writerOf } from "./lib/LibWriter.ts"
import { type CheckpointStore, ConsumerClaimed } from "./ports/CheckpointStore.ts"

export { CheckpointInvalid, ConsumerClaimed, ConsumerStopped, HandlerFailed, NewerConsumer, NotParked }
export type { ConsumerError, Handling, LastError, OnPoison, OpenConsumerError, Options, ParkedEvent, Running, Status }

/** A consumer, which does nothing until it runs. */
export interface Consumer<Name extends string, E, R> {
  /** Names the checkpoint. */
  readonly name: Name
  /** The options that it was made with. */
  readonly options: Options<Name, E, R>
  /** The running consumer that `layer` provides, as a service. */
  readonly running: Context.Service<Running<Name>, Running<Name>>
}

/**
 * Makes a consumer.
 *
 * @throws InvalidArgument for an option that it does not know, or a value that it cannot take
 */
export const make = <const Name extends string, E, R = never>(options: Options<Name, E, R>): Consumer<Name, E, R> => {
  refuseWrongOptions("Consumer.make", options, optionChecks)
  const error = missing("Consumer.make", options, ["name", "handler"]) ?? contradiction("Consumer.make", options)
  if (error !== undefined) throw error
  return {
    name: options.name,
    options,
    running: Context.Service<Running<Name>>(`litetapes/Consumer/${options.name}`)
  }
}

/**
 * Runs a consumer until the scope closes. Closing waits for running calls of the handler, then writes the checkpoint.
 * Returns once the consumer runs. If it stops by itself, it logs an error, its `status` says why, and `stopped` fails.
 * Its name is free again once it has stopped, or if it cannot begin.
 *
 * Fails with `ConsumerClaimed` if it runs already, with `NotInHistory` if the checkpoint belongs to other events than
 * those of the store, with `NewerConsumer` if a later version wrote it, and with `CheckpointInvalid` if it is damaged
 * or belongs to something else. In a reader it may fail with `ReaderBusy`: the lib changes faster than the reader can
 * check the checkpoint; try again.
 */
export const run = <Name extends string, E, R>(
  consumer: Consumer<Name, E, R>
): Effect.Effect<Running<Name>, OpenConsumerError, CheckpointStore | EventStore | R | Scope.Scope> =>
  Effect.gen(function* () {
    // The span in which it is started may end long before it.
    const context = dropParent(yield* Effect.context<R>())
    const given = definitionOf(consumer.options)
    // In the context of its event, not in the one in which the consumer was started.
    // Around what it is given: a context in which this runs may have both.
    const handler: Definition<unknown, never>["handler"] = (event, handling) =>
      anEffect("Consumer.make", given.handler(event, handling)).pipe(
        Effect.provideService(EventContext, causedBy(event)),
        Effect.provideService(CurrentCall, handling),
        Effect.provideContext(context)
      )
    const definition: Definition<unknown, never> = { ...given, handler, operation: yield* Operation }
    const source = sourceOf(yield* EventStore)
    const scope = yield* Effect.scope
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const own = yield* Scope.fork(scope)
        // Ends with the run, which may be long before the scope closes: another run may wait for the name.
        const claim = yield* Scope.fork(own)
        const begun = Effect.gen(function* () {
          const { entries, isNew, parked, progress } = yield* openConsumer(definition, source)
          const state = new ConsumerState(yield* Effect.clockWith(Effect.succeed), progress)
          for (const event of parked) state.parked.set(event.position, event)
          const run = new ConsumerRun(definition, entries, state, source)
          // Without it, a consumer that begins at the end would begin at a later one after a crash.
          if (isNew) yield* run.writeCheckpoint
          return { run, state }
        })
        const { run, state } = yield* restore(Effect.provideService(begun, Scope.Scope, claim)).pipe(
          Effect.onError(() => Scope.close(own, Exit.void))
        )
        const ran = run.run(Scope.close(claim, Exit.void))
        yield* Effect.forkDetach(withoutParent(Effect.andThen(ran, Scope.close(own, Exit.void))))
        yield* Scope.addFinalizer(own, run.stop)
        return runningOf({ name: consumer.name, stallAfter: given.stallAfter }, run, state, source)
      })
    )
  })

/** Runs a consumer as long as the layer is used, and provides it as `consumer.running`. */
export const layer = <Name extends string, E, R>(
  consumer: Consumer<Name, E, R>
): Layer.Layer<Running<Name>, OpenConsumerError, CheckpointStore | EventStore | Exclude<R, Scope.Scope>> =>
  Layer.effect(consumer.running, run(consumer))

const sourceOf = (store: EventStore["Service"]): EventSource => {
  const { lib } = store
  return {
    location: lib.location,
    writer: writerOf(findAccess(lib)),
    place: (position) => ({ lib: lib.id, lineage: lib.lineage, position }),
    contains: lib.contains,
    subscribe: store.subscribeBatches,
    read: (position) => store.readAll({ from: position, to: position + 1 }),
    end: Effect.andThen(lib.refresh, store.position),
    seenEnd: Effect.andThen(
      Effect.catchTag(lib.refresh, "ReaderBusy", () => Effect.void),
      store.position
    )
  }
}
