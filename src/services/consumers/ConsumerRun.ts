/** A consumer that runs: reads the subscription, gives events to partitions, and writes the checkpoint. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { crc32 } from "node:zlib"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { isRetryable, type NotInHistory } from "../../domain/event/EventErrors.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { SubscribeError, SubscriptionBatch } from "../follow/Subscription.ts"
import type { ClaimedEntries } from "../ports/CheckpointStore.ts"
import type { StorageError } from "../ports/Storage.ts"
import { CheckpointWriter } from "./CheckpointWriter.ts"
import { type ConsumerStopped, NotParked } from "./ConsumerErrors.ts"
import type { ConsumerError, ConsumerState, EndError, EventSource } from "./ConsumerState.ts"
import type { Definition } from "./definition.ts"
import { callOf, type HandlerContext } from "./HandlerContext.ts"
import { watching } from "./Health.ts"
import { metricsOf, type ConsumerMetrics } from "./metrics.ts"
import { beginAt } from "./openConsumer.ts"
import { Outages } from "./Outages.ts"
import { Parking } from "./Parking.ts"
import { type Item, Partition, type Replay, type ReplayError } from "./Partition.ts"
import { Transactions } from "./Transactions.ts"

/** Why something that was waited for will not happen. */
export type WaitError = ConsumerError | ConsumerStopped

export class ConsumerRun {
  readonly #definition: Definition<unknown, never>
  readonly #inFlightMax: number
  readonly #lost: Effect.Effect<StorageError>
  readonly #state: ConsumerState
  readonly #source: EventSource
  readonly #writer: CheckpointWriter
  readonly #parking: Parking
  readonly #metrics: ConsumerMetrics
  readonly #outages: Outages
  readonly #partitions: ReadonlyArray<Partition>
  readonly #oneReset = Semaphore.makeUnsafe(1)

  constructor(
    definition: Definition<unknown, never>,
    entries: ClaimedEntries,
    state: ConsumerState,
    source: EventSource
  ) {
    const metrics = metricsOf(definition.name)
    const outages = new Outages(definition.name, state, source)
    const writer = new CheckpointWriter({ definition, entries, metrics, outages, source, state })
    const parking = new Parking(entries, state)
    const { transactionEvents } = definition
    const transactions =
      entries.transaction === undefined || transactionEvents === undefined
        ? undefined
        : new Transactions(entries.transaction, writer, transactionEvents)
    const shared = { definition, entries, metrics, outages, parking, source, state, transactions, writer }
    this.#definition = definition
    this.#lost = entries.lost ?? Effect.never
    this.#inFlightMax = entries.inLib?.inFlightMax ?? Number.POSITIVE_INFINITY
    this.#state = state
    this.#source = source
    this.#writer = writer
    this.#parking = parking
    this.#metrics = metrics
    this.#outages = outages
    this.#partitions = Array.from({ length: definition.partitions }, () => new Partition(shared))
  }

  /**
   * Runs until `stop` is called or something fails, and then frees the claim. Must not be interrupted: handlers that run are
   * waited for.
   */
  run(free: Effect.Effect<void>): Effect.Effect<void> {
    const ended = Effect.sync(() => {
      this.#state.hasEnded = true
      this.#state.changes.wake()
    })
    return Effect.ensuring(Effect.ensuring(this.#work, free), ended)
  }

  readonly #work: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const state = this.#state
    const works = yield* Effect.forEach(this.#partitions, ({ work }) => Effect.forkDetach(work))
    const following = yield* Effect.forkDetach(this.#failing(this.#follow))
    const writing = yield* Effect.forkDetach(this.#failing(this.#writer.always))
    const losing = yield* Effect.forkDetach(this.#losing)
    const looking = yield* Effect.forkDetach(watching(this.#definition, state, this.#source, this.#metrics))
    yield* state.changes.until(() => state.isOver)
    state.isHalted = true
    state.isStopping = true
    this.#wake()
    yield* Fiber.awaitAll([following, ...works])
    yield* Fiber.interruptAll([writing, losing, looking])
    yield* this.#failing(this.#writer.rest)
    yield* this.#metrics.looked(state, undefined, false)
    for (const { replay } of this.#dropQueued()) yield* Deferred.fail(replay!.result, this.#stopped())
    if (state.failure === undefined) return
    const error = Cause.squash(state.failure)
    const why = error instanceof Error ? error.message : String(error)
    yield* Effect.logError(`litetapes: a consumer has stopped. ${this.#definition.name}: ${why}`)
  })

  /** Lets the consumer end: handlers that run finish, and the checkpoint is written. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.#state.isStopping = true
    this.#state.isHalted = true
    this.#wake()
    return this.ended
  })

  /** Waits until it has ended. */
  readonly ended: Effect.Effect<void> = Effect.suspend(() => this.#state.changes.until(() => this.#state.hasEnded))

  /** Writes where a new run begins. */
  readonly writeCheckpoint: Effect.Effect<void, StorageError> = Effect.suspend(() =>
    this.#writer.restart(this.#state.progress)
  )

  /** Waits until everything before a position is done. Fails if the consumer stops before, or this handler holds it up. */
  reached(before: number, name: string): Effect.Effect<void, WaitError | InvalidArgument> {
    const state = this.#state
    const isReached = () => state.progress.low >= before
    const over = Effect.flatMap(
      state.changes.until(() => isReached() || state.hasEnded),
      (): Effect.Effect<void, WaitError> => {
        if (isReached()) return Effect.void
        return state.failure === undefined ? Effect.fail(this.#stopped()) : Effect.failCause(state.failure)
      }
    )
    return Effect.andThen(
      this.#refuseHandler(name, ({ position }) => position < before),
      over
    )
  }

  /** Fails in a call of the handler, which would wait for its own end. */
  #refuseHandler(name: string, holdsUp: (call: HandlerContext) => boolean): Effect.Effect<void, InvalidArgument> {
    return Effect.flatMap(callOf(this.#state), (call) => {
      if (call === undefined || !holdsUp(call)) return Effect.void
      const why = "must not wait for it, because it waits for the handler: let another fibre do it"
      return Effect.fail(new InvalidArgument({ call: `Consumer.${name}`, argument: "handler", why }))
    })
  }

  /** Begins no event any more. Returns once those that run have ended; in a handler, which is one of them, at once. */
  readonly pause: Effect.Effect<void> = Effect.suspend(() => {
    const state = this.#state
    state.isPaused = true
    return Effect.flatMap(callOf(state), (call) =>
      call === undefined ? state.changes.until(() => state.inside === 0) : Effect.void
    )
  })

  readonly resume: Effect.Effect<void> = Effect.sync(() => {
    this.#state.isPaused = false
    this.#wake()
  })

  /**
   * Continues elsewhere, and writes that. What runs finishes first; what waits is forgotten, except for replays. If the write
   * fails, the consumer stops.
   */
  reset(
    to: Definition<never, never>["from"]
  ): Effect.Effect<void, NotInHistory | EndError | StorageError | WaitError | InvalidArgument> {
    const state = this.#state
    const halted = Effect.gen({ self: this }, function* () {
      const progress = yield* beginAt(this.#source, to)
      if (state.isOver) return yield* this.#stopped()
      state.isHalted = true
      this.#wake()
      yield* state.changes.until(() => state.busy === 0 && !state.isFollowing)
      if (state.isOver) return yield* this.#stopped()
      const replays = this.#dropQueued()
      const written = yield* Effect.exit(this.#writer.restart(progress))
      // Whether it is in effect is unknown: the next run looks.
      if (Exit.isFailure(written)) state.fail(written.cause)
      state.isHalted = state.isOver
      for (const replay of replays) this.#partitionOf(replay.event).add(replay)
      this.#wake()
      return yield* written
    })
    const refused = this.#refuseHandler("reset", () => true)
    return Effect.andThen(refused, this.#oneReset.withPermit(Effect.uninterruptible(halted)))
  }

  /** Calls the handler once for a parked event, between the other events of its partition. */
  replay(position: number): Effect.Effect<void, ReplayError | SubscribeError> {
    return Effect.gen({ self: this }, function* () {
      yield* this.#refuseHandler("replay", () => true)
      const event = yield* this.#requireParked(Stream.runHead(this.#source.read(position)), position)
      const replay: Replay = { result: yield* Deferred.make<void, ReplayError>(), isGivenUp: false }
      if (this.#state.isOver) return yield* this.#stopped()
      this.#partitionOf(event).add({ event, replay })
      const givenUp = Effect.sync(() => {
        replay.isGivenUp = true
      })
      return yield* Effect.onInterrupt(Deferred.await(replay.result), () => givenUp)
    })
  }

  /** Forgets a parked event. */
  drop(position: number): Effect.Effect<void, NotParked | StorageError> {
    return Effect.suspend((): Effect.Effect<void, NotParked | StorageError> => {
      if (!this.#state.parked.has(position)) return Effect.fail(this.#notParked(position))
      return this.#parking.unpark(position)
    })
  }

  #requireParked<E>(
    read: Effect.Effect<Option.Option<RecordedEvent>, E>,
    position: number
  ): Effect.Effect<RecordedEvent, E | NotParked> {
    const notParked = Effect.suspend(() => Effect.fail(this.#notParked(position)))
    return Effect.suspend(() =>
      this.#state.parked.has(position)
        ? Effect.flatMap(read, (event) => (Option.isSome(event) ? Effect.succeed(event.value) : notParked))
        : notParked
    )
  }

  #notParked(position: number): NotParked {
    return new NotParked({ consumer: this.#definition.name, position })
  }

  #stopped(): ConsumerStopped {
    return this.#state.stoppedError(this.#definition.name)
  }

  #wake(): void {
    for (const partition of this.#partitions) partition.wake()
    this.#state.changes.wake()
  }

  #dropQueued(): ReadonlyArray<Item> {
    return this.#partitions.flatMap((partition) => partition.clear())
  }

  #failing(work: Effect.Effect<unknown, ConsumerError>): Effect.Effect<void> {
    return Effect.catchCause(Effect.asVoid(work), (cause) =>
      Effect.sync(() => {
        if (!Cause.hasInterruptsOnly(cause)) this.#state.fail(cause)
      })
    )
  }

  /** Stops once another run has the name. */
  readonly #losing: Effect.Effect<void> = Effect.suspend(() =>
    Effect.map(this.#lost, (error) => {
      this.#writer.giveUp()
      this.#state.failWith(error)
    })
  )

  /** Reads the subscription, again after each reset and each outage. */
  readonly #follow: Effect.Effect<void, SubscribeError> = Effect.gen({ self: this }, function* () {
    const state = this.#state
    const outages = this.#outages
    let [waits, next] = [0, -1]
    while (true) {
      yield* state.changes.until(() => state.isOver || !state.isHalted)
      if (state.isOver) return
      state.isFollowing = true
      const { session } = outages
      const again = (error: SubscribeError) => {
        if (!isRetryable(error) || !outages.isOne(session, error)) return Effect.fail(error)
        // The pauses begin anew once something was read.
        if (state.progress.next !== next) waits = 0
        next = state.progress.next
        return outages.wait(error, waits++, () => state.isHalted)
      }
      yield* Effect.raceFirst(
        Effect.catch(this.#batches, again),
        state.changes.until(() => state.isHalted)
      ).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            state.isFollowing = false
            state.isPulling = false
            state.changes.wake()
          })
        )
      )
    }
  })

  readonly #batches: Effect.Effect<void, SubscribeError> = Effect.suspend(() => {
    const { allowGaps, filter } = this.#definition
    // What is before it waits in a partition, if it is not done.
    const { next } = this.#state.progress
    const from = next === 0 ? ("start" as const) : { after: next - 1 }
    const wanted = filter === undefined ? { from, allowGaps } : { from, allowGaps, filter }
    this.#state.isPulling = true
    return Stream.runForEach(this.#source.subscribe(wanted), (batch) => this.#take(batch))
  })

  /** Gives the events of a batch to their partitions, as there is room. */
  #take({ end, events, next }: SubscriptionBatch): Effect.Effect<void> {
    const state = this.#state
    const maxInFlight = Math.min(this.#definition.maxInFlight, this.#inFlightMax)
    const mayTake = () => state.progress.open < maxInFlight && !state.isPaused && !state.isHalted
    let at = 0
    const rest: Effect.Effect<void> = Effect.suspend(() => {
      while (at < events.length) {
        if (!mayTake()) return Effect.andThen(state.changes.until(mayTake), rest)
        const event = events[at++]!
        if (state.progress.begin(event.position)) this.#partitionOf(event).add({ event })
      }
      state.progress.cover(next)
      this.#writer.note()
      state.isPulling = true
      state.changes.wake()
      return this.#metrics.read(state, end)
    })
    return Effect.suspend(() => {
      state.isPulling = false
      state.end = end
      state.beat()
      return rest
    })
  }

  #partitionOf({ stream }: RecordedEvent): Partition {
    const partitions = this.#partitions
    return partitions[partitions.length === 1 ? 0 : crc32(stream) % partitions.length]!
  }
}
