/**
 * Reactors: side effects outside the store, such as mails and payments, that events ask for, and process managers.
 *
 * A reactor calls `react` for each event at least once, in order within its stream, with an idempotency key. What `react`
 * returns is appended with the checkpoint as one batch, so each result is recorded exactly once. So an append is the outbox: a
 * command appends the event that asks for the effect, and the reactor performs it. An event that `react` has failed on as often as it may
 * becomes a dead letter.
 *
 * @example
 * ```ts
 * const payments = Reactor.make({
 *   name: "payments",
 *   filter: { types: ["OrderPlaced"] },
 *   react: ({ data, stream }, { key }) =>
 *     Effect.map(charge({ idempotencyKey: key, order: data }), (receipt) => ({
 *       stream,
 *       events: [{ type: "PaymentTaken", data: { receipt } }]
 *     }))
 * })
 * const program = Effect.gen(function* () {
 *   const running = yield* payments.running
 *   for (const { position, why } of yield* running.deadLetters) yield* Effect.log(position, why)
 * })
 * program.pipe(
 *   Effect.provide(Reactor.layer(payments)),
 *   Effect.provide(EventStore.layer("./orders")),
 *   Effect.provide(NodeStorage.layer)
 * )
 * ```
 *
 * @see `litetapes/ScheduledEvents` for timeouts, `litetapes/Consumer` for handlers with another place for their checkpoints
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Consumer from "../services/Consumer.ts"
import { type EventAppendError, EventStore, type StreamReadError } from "../services/EventStore.ts"
import { CheckpointStore } from "../services/ports/CheckpointStore.ts"
import { CurrentDeadLetters, DeadLetters } from "./reactors/deadLetters.ts"
import { checkReactor, type Options, type Reacting, type Reaction } from "./reactors/definition.ts"
import { handlerOf } from "./reactors/handler.ts"

export type { Options, Reacting, Reaction }

/**
 * An event that `react` has failed on as often as it may, and the error. It is an event of the stream `deadletter-` and the
 * name of the reactor, without the data of the event that it names.
 */
export type DeadLetter = Consumer.ParkedEvent

/** Errors that a reactor adds to those of `react`: its results could not be appended. */
export type ReactError = EventAppendError | StreamReadError

/** A reactor, which does nothing until it runs. */
export interface Reactor<Name extends string, E, R> {
  /** Names its checkpoint and its dead letters. */
  readonly name: Name
  /** What it was made of. */
  readonly options: Options<Name, E, R>
  /** The consumer that it is, for `ConsumerSpec`. To run it, use `run` or `layer`. */
  readonly consumer: Consumer.Consumer<Name, E | ReactError, R | EventStore>
  /** The running reactor that `layer` provides, as a service. */
  readonly running: Context.Service<Running<Name>, Running<Name>>
}

/** A reactor that runs: a running consumer, whose parked events are dead letters. */
export interface Running<Name extends string = string> extends Pick<
  Consumer.Running<Name>,
  "name" | "status" | "whenProcessed" | "whenCaughtUp" | "pause" | "resume" | "stopped"
> {
  /** Returns the dead letters, by position. `status` counts them as parked. */
  readonly deadLetters: Effect.Effect<ReadonlyArray<DeadLetter>>
  /**
   * Calls `react` once for the event of a dead letter, with the key that it had, in turn with other events of its stream. If that
   * succeeds, its results are appended, and the dead letter is removed; else it stays, with the new error.
   */
  readonly replay: Consumer.Running<Name>["replay"]
  /** Removes a dead letter: its event is never handled. */
  readonly drop: Consumer.Running<Name>["drop"]
}

/**
 * Makes a reactor.
 *
 * @throws InvalidArgument for an option that it does not know, or a value that it cannot take
 */
export const make = <const Name extends string, E, R = never>(options: Options<Name, E, R>): Reactor<Name, E, R> => {
  checkReactor(options)
  const { react: _, ...shared } = options
  return {
    name: options.name,
    options,
    consumer: Consumer.make<Name, E | ReactError, R | EventStore>({
      ...shared,
      handler: handlerOf(options),
      onPoison: "park"
    }),
    running: Context.Service<Running<Name>>(`litetapes/Reactor/${options.name}`)
  }
}

/**
 * Runs a reactor until the scope closes: then the calls of `react` that run end. Only in the writer's process: its checkpoint and its
 * dead letters are kept in the lib. Each event costs one batch, with or without results. If it stops by itself, it logs an
 * error, its `status` says why, and `stopped` fails.
 *
 * Fails as `Consumer.run` does: with `ConsumerClaimed` if a reactor or a consumer with this name runs already, with
 * `CheckpointsNeedWriter` on a lib that is open for reading, and with `CheckpointLost` if a recovery has lost its checkpoint.
 */
export const run = <Name extends string, E, R>({
  consumer,
  options
}: Reactor<Name, E, R>): Effect.Effect<Running<Name>, Consumer.OpenConsumerError, EventStore | R | Scope.Scope> =>
  Effect.gen(function* () {
    const letters = new DeadLetters(yield* EventStore, options.name, options.version ?? 1)
    const running = yield* Consumer.run(consumer).pipe(
      Effect.provideService(CheckpointStore, letters.checkpoints),
      Effect.provideService(CurrentDeadLetters, letters)
    )
    const {
      drop,
      name,
      parked: deadLetters,
      pause,
      replay,
      resume,
      status,
      stopped,
      whenCaughtUp,
      whenProcessed
    } = running
    return { name, status, deadLetters, replay, drop, whenProcessed, whenCaughtUp, pause, resume, stopped }
  })

/** Runs a reactor as long as the layer is used, and provides it as `reactor.running`. */
export const layer = <Name extends string, E, R>(
  reactor: Reactor<Name, E, R>
): Layer.Layer<Running<Name>, Consumer.OpenConsumerError, EventStore | Exclude<R, Scope.Scope>> =>
  Layer.effect(reactor.running, run(reactor))
