/**
 * Delivers scheduled events when they are due. Each delivery is one batch: the event, and the event that settles it at revision
 * 1 of its own stream. A cancellation wants that revision too, so only one of them is there, whoever tries how often.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { isRetryable } from "../../domain/event/EventErrors.ts"
import { Signal } from "../base/Signal.ts"
import type { SubscribeError, SubscribeOptions, SubscriptionBatch } from "../follow/Subscription.ts"
import type { AppendAllOptions } from "../streams/AppendOptions.ts"
import type { EventAppendError } from "../streams/EventAppender.ts"
import type { ReadStreamOptions, StreamReadError } from "../streams/StreamReader.ts"
import type { StreamAppend } from "../streams/StreamAppend.ts"
import { DeliveriesStopped } from "./DeliveriesStopped.ts"
import { allTypes, deliveryOf, dueOf, idOf, settling, streamOf } from "./definition.ts"
import { type OpenEvent, OpenEvents } from "./OpenEvents.ts"

/** Why deliveries stop. */
export type DeliveryError = SubscribeError | EventAppendError | StreamReadError | DeliveriesStopped

/** The event store, as deliveries need it. */
export interface DeliverySource {
  readonly subscribe: (options: SubscribeOptions) => Stream.Stream<SubscriptionBatch, SubscribeError>
  readonly read: (stream: string, options: ReadStreamOptions) => Stream.Stream<RecordedEvent, StreamReadError>
  readonly appendAll: (
    appends: ReadonlyArray<StreamAppend>,
    options?: AppendAllOptions
  ) => Effect.Effect<unknown, EventAppendError>
  /** Returns the metadata of what an event causes. */
  readonly marksOf: (event: RecordedEvent) => object | undefined
  /** Whether it is up to this process to deliver: of those that share a lib, only the writer's does. */
  readonly isUpToUs: () => boolean
  /** Waits until that may have changed. */
  readonly whenChanged: Effect.Effect<void>
  /** Writes that everything below a position is settled. */
  readonly saveLow: (low: number) => Effect.Effect<void>
}

/** Events that are delivered in one batch, at most. */
const togetherMax = 64

/** How long the timer runs at most, in milliseconds: the clock may be set, or the machine may sleep. */
const timerMax = 60_000

/** Pauses after a failure that may pass, in milliseconds. */
const [pauseMin, pauseMax] = [1000, 60_000]

/** Folded events after which the lowest open position is written, at least. */
const saveEvery = 1000

/** Errors of a delivery that are those of its event or its stream: it can never succeed. */
const ofTheEvent: ReadonlySet<string> = new Set([
  "BatchTooLarge",
  "EventIdConflict",
  "InvalidArgument",
  "InvalidEvent",
  "InvalidStreamName",
  "TapeArchived",
  "TapeNotForEvents",
  "TaraSONError"
])

export class Deliveries {
  readonly #name: string
  readonly #source: DeliverySource
  readonly #clock: Clock.Clock
  readonly #open = new OpenEvents()
  readonly #changes = new Signal()
  #failure: Cause.Cause<DeliveryError> | undefined
  /** The lowest position that is not folded. */
  #next = 0
  #isCaughtUp = false
  /** Whether some are being delivered. */
  #isDelivering = false
  #unsaved = 0
  #pause = pauseMin
  /** How often somebody has asked to look at the clock, without waiting for the timer. */
  #looks = 0

  constructor(name: string, source: DeliverySource, clock: Clock.Clock) {
    this.#name = name
    this.#source = source
    this.#clock = clock
  }

  get open(): ReadonlyArray<OpenEvent> {
    return this.#open.all.toSorted((a, b) => a.deliverAt - b.deliverAt || a.position - b.position)
  }

  get openCount(): number {
    return this.#open.size
  }

  /** When the next one is due, of those that are not being delivered. */
  get nextDue(): number | undefined {
    return this.#open.first?.deliverAt
  }

  get isCaughtUp(): boolean {
    return this.#isCaughtUp
  }

  get failure(): Cause.Cause<DeliveryError> | undefined {
    return this.#failure
  }

  /** Follows the scheduled events from a position on, and delivers those that are due, until something fails. */
  run(from: number): Effect.Effect<void> {
    const wanted: SubscribeOptions = {
      from: from === 0 ? "start" : { after: from - 1 },
      filter: { categories: [this.#name], types: allTypes }
    }
    const follow = Stream.runForEach(this.#source.subscribe(wanted), (batch) => this.#take(batch))
    return Effect.catchCause(Effect.raceFirst(follow, Effect.forever(this.#step)), (cause) => this.#stop(cause))
  }

  /** Ends, once nothing is on its way to the disk. */
  readonly close: Effect.Effect<void> = Effect.suspend(() =>
    Effect.andThen(this.save, this.#stop(Cause.fail(new DeliveriesStopped({ scheduled: this.#name }))))
  )

  /** Keeps the first reason. */
  #stop(cause: Cause.Cause<DeliveryError>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#failure !== undefined || Cause.hasInterruptsOnly(cause)) return Effect.void
      this.#failure = cause
      this.#changes.wake()
      if (this.#isClosed) return Effect.void
      const error = Cause.squash(cause)
      const why = error instanceof Error ? error.message : String(error)
      return Effect.logError(`litetapes: scheduled events are not delivered any more. ${this.#name}: ${why}`)
    })
  }

  /** Waits until everything before a position is known, and nothing that is due is left; or until it has stopped. */
  reached(end: number): Effect.Effect<void, DeliveryError> {
    const isReached = (): boolean =>
      this.#isCaughtUp &&
      this.#next >= end &&
      !this.#isDelivering &&
      (this.nextDue ?? Number.POSITIVE_INFINITY) > this.#now
    return Effect.suspend(() => {
      this.#looks++
      this.#changes.wake()
      return Effect.andThen(
        this.#changes.until(() => this.#failure !== undefined || isReached()),
        this.#failed
      )
    })
  }

  /** Waits until it has stopped. Fails with the reason, or succeeds if it was closed. */
  readonly stopped: Effect.Effect<void, DeliveryError> = Effect.suspend(() =>
    Effect.flatMap(
      this.#changes.until(() => this.#failure !== undefined),
      () => (this.#isClosed ? Effect.void : this.#failed)
    )
  )

  get #isClosed(): boolean {
    return this.#failure !== undefined && Cause.squash(this.#failure) instanceof DeliveriesStopped
  }

  readonly #failed: Effect.Effect<void, DeliveryError> = Effect.suspend(() =>
    this.#failure === undefined ? Effect.void : Effect.failCause(this.#failure)
  )

  get #now(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  #take({ end, events, next }: SubscriptionBatch): Effect.Effect<void> {
    return Effect.suspend(() => {
      for (const event of events) this.#fold(event)
      this.#unsaved += events.length
      this.#next = next
      if (next === end) this.#isCaughtUp = true
      this.#changes.wake()
      return this.#isCaughtUp && this.#unsaved >= Math.max(saveEvery, this.#open.size) ? this.save : Effect.void
    })
  }

  /** Writes how far everything is settled, if that is known and anything was folded since. */
  readonly save: Effect.Effect<void> = Effect.suspend(() => {
    if (!this.#isCaughtUp || this.#unsaved === 0 || !this.#source.isUpToUs()) return Effect.void
    this.#unsaved = 0
    return this.#source.saveLow(this.#open.lowest ?? this.#next)
  })

  #fold(event: RecordedEvent): void {
    const id = idOf(this.#name, event.stream)
    const deliverAt = dueOf(event)
    if (deliverAt !== undefined) this.#open.add({ id, deliverAt, position: event.position })
    // Only what comes first after the schedule settles it.
    else if (event.revision === 1) this.#open.settle(id)
  }

  /** Waits until one is due, and delivers those that are due by then. There is a timer only while one is open. */
  readonly #step: Effect.Effect<void, DeliveryError> = Effect.suspend(() => {
    const first = this.#isCaughtUp ? this.#open.first : undefined
    if (first === undefined) return this.#changes.until(() => this.#isCaughtUp && this.#open.first !== undefined)
    const left = first.deliverAt - this.#now
    if (left > 0) {
      const looks = this.#looks
      return Effect.raceFirst(
        Effect.sleep(Math.min(left, timerMax)),
        this.#changes.until(() => this.#open.first !== first || this.#looks !== looks)
      )
    }
    if (!this.#source.isUpToUs()) return this.#source.whenChanged
    this.#isDelivering = true
    const due = this.#open.takeDue(this.#now, togetherMax)
    const over = Effect.sync(() => {
      this.#open.putBack(due)
      this.#isDelivering = false
      this.#changes.wake()
    })
    return Effect.matchEffect(Effect.ensuring(this.#deliver(due), over), {
      onSuccess: () => Effect.sync(() => void (this.#pause = pauseMin)),
      onFailure: (error) => this.#wait(error)
    })
  })

  /** Waits after a failure that may pass; others stop the deliveries. */
  #wait(error: DeliveryError): Effect.Effect<void, DeliveryError> {
    if (!isRetryable(error)) return Effect.fail(error)
    const pause = this.#pause
    this.#pause = Math.min(2 * pause, pauseMax)
    return Effect.andThen(
      Effect.logWarning(`litetapes: scheduled events will be delivered later. ${this.#name}: ${error.message}`),
      Effect.sleep(pause)
    )
  }

  /** Delivers all in one batch, in the order in which they are due. If that is refused, one by one. */
  #deliver(due: ReadonlyArray<OpenEvent>): Effect.Effect<void, DeliveryError> {
    return Effect.gen({ self: this }, function* () {
      const appends = yield* Effect.forEach(due, (one) => this.#appendsOf(one), { concurrency: 16 })
      const refused = yield* Effect.match(this.#append(appends.flat()), {
        onSuccess: () => undefined,
        onFailure: (error) => error
      })
      if (refused === undefined) return this.#settle(due)
      if (isRetryable(refused)) return yield* Effect.fail(refused)
      for (const [index, one] of due.entries()) {
        yield* this.#deliverAlone(one, appends[index]!)
        this.#settle([one])
      }
    })
  }

  #settle(events: ReadonlyArray<OpenEvent>): void {
    for (const { id } of events) this.#open.settle(id)
  }

  /** Not interrupted: a stop waits for what is on its way to the disk. */
  #append(appends: ReadonlyArray<StreamAppend>): Effect.Effect<unknown, EventAppendError> {
    return Effect.uninterruptible(this.#source.appendAll(appends))
  }

  /** Returns the entries that deliver an event: itself first, so that a restore up to a position in between delivers it again. */
  #appendsOf({ id }: OpenEvent): Effect.Effect<ReadonlyArray<StreamAppend>, StreamReadError> {
    const read = Stream.runHead(this.#source.read(streamOf(this.#name, id), { from: 0, to: 1 }))
    return Effect.map(read, (found) => {
      const scheduled = Option.getOrThrow(found)
      const { event, stream } = deliveryOf(scheduled)
      const marks = this.#source.marksOf(scheduled)
      const delivered = { ...event, metadata: { ...marks, ...event.metadata } }
      return [{ stream, events: [delivered] }, settling(this.#name, id, "delivered", {})]
    })
  }

  #deliverAlone({ id }: OpenEvent, appends: ReadonlyArray<StreamAppend>): Effect.Effect<void, DeliveryError> {
    const own = streamOf(this.#name, id)
    return Effect.catch(Effect.asVoid(this.#append(appends)), (error): Effect.Effect<void, DeliveryError> => {
      // It was cancelled, or another run has delivered it.
      if (error._tag === "WrongExpectedRevision" && error.stream === own) return Effect.void
      // A restore has left out only that it was delivered.
      if (error._tag === "EventIdConflict" && error.why === "partly-repeated")
        return this.#settleAlone(appends.slice(1))
      if (!ofTheEvent.has(error._tag)) return Effect.fail(error)
      const given = this.#settleAlone([settling(this.#name, id, "failed", { why: error.message.slice(0, 1000) })])
      const why = `litetapes: a scheduled event cannot be delivered, and is given up. ${own}: ${error.message}`
      return Effect.andThen(given, Effect.logError(why))
    })
  }

  /** Settles an event that nothing is appended for. It may have been cancelled meanwhile. */
  #settleAlone(appends: ReadonlyArray<StreamAppend>): Effect.Effect<void, DeliveryError> {
    return Effect.catchTag(Effect.asVoid(this.#append(appends)), "WrongExpectedRevision", () => Effect.void)
  }
}
