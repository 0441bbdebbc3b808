/** Handles the events of some streams, one after the other: attempts, pauses between them, and what fails for good. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { Duration } from "effect/Duration"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { Signal } from "../base/Signal.ts"
import type { ClaimedEntries } from "../ports/CheckpointStore.ts"
import type { StorageError } from "../ports/Storage.ts"
import { Calls, logLateFailure } from "./Calls.ts"
import type { CheckpointWriter } from "./CheckpointWriter.ts"
import { type ConsumerStopped, HandlerFailed, NotParked, whyOf } from "./ConsumerErrors.ts"
import type { ConsumerState, EventSource } from "./ConsumerState.ts"
import type { Definition } from "./definition.ts"
import type { ConsumerMetrics } from "./metrics.ts"
import type { Outages } from "./Outages.ts"
import type { Parking } from "./Parking.ts"
import type { Transactions } from "./Transactions.ts"

/** How a replay ends for its caller. */
export type ReplayError = HandlerFailed | NotParked | ConsumerStopped | StorageError

/** A replay of a parked event, and what its caller waits for. */
export interface Replay {
  readonly result: Deferred.Deferred<void, ReplayError>
  /** Nobody waits any more: then it does not begin. */
  isGivenUp: boolean
}

/** An event to handle. A replay of a parked one moves nothing. */
export interface Item {
  readonly event: RecordedEvent
  readonly replay?: Replay
}

/** What all partitions of a consumer share. */
export interface Shared {
  readonly definition: Definition<unknown, never>
  readonly entries: ClaimedEntries
  readonly state: ConsumerState
  readonly source: EventSource
  readonly writer: CheckpointWriter
  readonly parking: Parking
  readonly outages: Outages
  readonly metrics: ConsumerMetrics
  /** Set if the handler is called in transactions. */
  readonly transactions: Transactions | undefined
}

type Step = (now: number, input: unknown) => Pull.Pull<[unknown, Duration], never, unknown>

/** How the attempts on an event ended: `cut` if the consumer stopped or was reset between two of them. */
type Outcome = "done" | "cut" | HandlerFailed

export class Partition {
  readonly #shared: Shared
  readonly #calls: Calls
  readonly #news = new Signal()
  #items: Array<Item> = []
  /** Whether a pause waits for what this partition does. */
  #isInside = false

  constructor(shared: Shared) {
    this.#shared = shared
    this.#calls = new Calls(shared)
  }

  add(item: Item): void {
    this.#items.push(item)
    this.#news.wake()
  }

  /** Lets the partition look again whether it may continue. */
  wake(): void {
    this.#news.wake()
  }

  /** Forgets what has not begun. Returns the replays among it. */
  clear(): ReadonlyArray<Item> {
    const left = this.#items
    this.#items = []
    return left.filter(({ replay }) => replay !== undefined)
  }

  /** Handles events until the consumer stops. */
  readonly work: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const { state } = this.#shared
    while (true) {
      yield* this.#news.until(() => state.isStopping || (this.#items.length > 0 && this.#mayBegin))
      if (state.isStopping) return
      if (!this.#mayBegin) continue
      const item = this.#items.shift()
      if (item === undefined) continue
      state.busy++
      this.#goInside()
      const taken = item.replay === undefined ? this.#handleFrom(item.event) : this.#replay(item.event, item.replay)
      yield* Effect.ensuring(
        taken,
        Effect.sync(() => {
          state.busy--
          this.#goOutside()
          state.changes.wake()
        })
      )
    }
  }).pipe(Effect.catchCause((cause) => Effect.sync(() => this.#shared.state.fail(cause))))

  get #mayBegin(): boolean {
    const { isHalted, isPaused } = this.#shared.state
    return !isHalted && !isPaused
  }

  /** In the same turn as the look at `isPaused`: a pause that begins later must wait. */
  #goInside(): void {
    this.#isInside = true
    this.#shared.state.inside++
  }

  #goOutside(): void {
    if (!this.#isInside) return
    this.#isInside = false
    this.#shared.state.inside--
    this.#shared.state.changes.wake()
  }

  /** Waits while the consumer is paused. Returns `false` if it stops or is reset: then nothing more begins. */
  readonly #enter: Effect.Effect<boolean> = Effect.gen({ self: this }, function* () {
    if (this.#isInside) return true
    const { state } = this.#shared
    // It may have been paused again before this fibre continues.
    while (state.isPaused && !state.isHalted) {
      yield* this.#news.until(() => state.isHalted || !state.isPaused)
    }
    if (state.isHalted) return false
    this.#goInside()
    return true
  })

  /** Handles an event; in a transaction together with those that wait after it. */
  #handleFrom(first: RecordedEvent): Effect.Effect<void> {
    const { transactions } = this.#shared
    if (transactions === undefined) return this.#handle(first)
    const events = [first]
    while (events.length < transactions.eventsMax && this.#items.length > events.length - 1) {
      const { event, replay } = this.#items[events.length - 1]!
      if (replay !== undefined) break
      events.push(event)
    }
    this.#items.splice(0, events.length - 1)
    return events.length === 1 ? this.#handle(first) : this.#handleTogether(transactions, events)
  }

  #handleTogether(transactions: Transactions, events: ReadonlyArray<RecordedEvent>): Effect.Effect<void> {
    const { state } = this.#shared
    const calls = Effect.gen({ self: this }, function* () {
      for (const event of events) {
        const exit = yield* this.#calls.one(event)
        if (Exit.isFailure(exit)) return exit
      }
      return Exit.void
    })
    const positions = events.map(({ position }) => position)
    return Effect.gen({ self: this }, function* () {
      const exit = yield* this.#calls.together(transactions, positions, calls)
      if (Exit.isSuccess(exit)) return state.changes.wake()
      this.#goOutside()
      // One by one: those before it are done, and the attempts are those on one event.
      for (const event of events) {
        if (state.isHalted) return
        yield* this.#handle(event)
      }
    }).pipe(Effect.catch((error) => Effect.sync(() => state.failWith(error))))
  }

  #handle(event: RecordedEvent): Effect.Effect<void> {
    const { definition, parking, state, transactions } = this.#shared
    const { position } = event
    return Effect.gen({ self: this }, function* () {
      const outcome = yield* this.#attempts(event, definition.maxAttempts)
      if (outcome === "cut") return
      if (outcome === "done" && transactions !== undefined) return state.changes.wake()
      if (outcome === "done") yield* parking.unpark(position)
      else if (definition.onPoison === "stop") return state.failWith(outcome)
      else {
        yield* Effect.logWarning(
          `litetapes: ${definition.onPoison === "park" ? "parked" : "skipped"}: ${outcome.message}`
        )
        if (definition.onPoison === "park") yield* parking.park(outcome)
      }
      this.#finish(position)
    }).pipe(Effect.catch((error) => Effect.sync(() => state.failWith(error))))
  }

  #finish(position: number): void {
    const { state, writer } = this.#shared
    state.progress.finish(position)
    writer.note()
    state.changes.wake()
  }

  #replay(event: RecordedEvent, replay: Replay): Effect.Effect<void> {
    const { definition, parking, state } = this.#shared
    const { position } = event
    if (replay.isGivenUp) return Effect.void
    const replayed = Effect.gen({ self: this }, function* () {
      // While it waited for its turn, the event may have been handled or dropped.
      if (!state.parked.has(position)) return yield* new NotParked({ consumer: definition.name, position })
      const outcome = yield* this.#attempts(event, 1, true)
      if (outcome === "done") return yield* parking.unpark(position)
      if (outcome === "cut") return yield* state.stoppedError(definition.name)
      yield* parking.parkAgain(outcome)
      return yield* outcome
    })
    return Effect.asVoid(Effect.flatMap(Effect.exit(replayed), (exit) => Deferred.done(replay.result, exit)))
  }

  /** Calls the handler until it succeeds, or has failed as often as it may. */
  #attempts(event: RecordedEvent, attemptsMax: number, isReplay = false): Effect.Effect<Outcome, StorageError> {
    const { definition, outages, state, transactions } = this.#shared
    const { position } = event
    return Effect.gen({ self: this }, function* () {
      let step: Step | undefined
      let waits = 0
      for (let attempt = 1; ; attempt++) {
        if (!(yield* this.#enter)) return "cut"
        const { session } = outages
        const call = this.#calls.one(event, isReplay)
        const exit = yield* transactions === undefined ? call : this.#calls.together(transactions, [position], call)
        this.#goOutside()
        if (Exit.isSuccess(exit)) return "done"
        // A parked event counts as done, whatever a replay does.
        const isCommitted = !isReplay && (yield* this.#isCommitted(event))
        // A handler may give up once the consumer stops: that does not count as a failure of the event.
        if (state.isOver && Cause.hasInterruptsOnly(exit.cause)) return isCommitted ? "done" : "cut"
        const error = Cause.squash(exit.cause)
        this.#noteError(event, attempt, error)
        if (isCommitted) {
          yield* logLateFailure(definition.name, event, error)
          return "done"
        }
        if (this.#calls.refused !== undefined) {
          state.failWith(this.#calls.refused)
          return "cut"
        }
        if (outages.isOne(session, error)) {
          yield* outages.wait(error, waits++, () => state.isHalted)
          // An append whose outcome was unknown may turn out to be there.
          if (yield* this.#isCommitted(event)) return "done"
          attempt--
          continue
        }
        if (outages.end !== undefined) {
          state.failWith(outages.end)
          return "cut"
        }
        if (attempt >= attemptsMax) return this.#failed(event, attempt, error)
        step ??= yield* Schedule.toStep(definition.retry)
        const pause = yield* nextPause(step, state.now, error)
        if (Option.isNone(pause)) return this.#failed(event, attempt, error)
        yield* Effect.raceFirst(
          Effect.sleep(pause.value),
          this.#news.until(() => state.isHalted)
        )
      }
    })
  }

  /** Whether an append of the handler has made the event done, although the handler failed afterwards. */
  #isCommitted({ position }: RecordedEvent): Effect.Effect<boolean> {
    return this.#shared.entries.inLib?.isDone(position) ?? Effect.succeed(false)
  }

  #noteError({ position, stream }: RecordedEvent, attempt: number, error: unknown): void {
    const { state } = this.#shared
    state.lastError = { position, stream, attempt, why: whyOf(error), time: state.now }
  }

  #failed(event: RecordedEvent, attempts: number, error: unknown): HandlerFailed {
    const { id, position, revision, stream, type } = event
    const { definition, source } = this.#shared
    const place = source.place(position)
    return new HandlerFailed({ consumer: definition.name, ...place, stream, revision, type, id, attempts, error })
  }
}

/** Returns how long to wait; nothing once the schedule has ended. */
const nextPause = (step: Step, now: number, error: unknown): Effect.Effect<Option.Option<Duration>> =>
  Pull.catchDone(
    Effect.map(step(now, error), ([, pause]) => Option.some(pause)),
    () => Effect.succeed(Option.none<Duration>())
  )
