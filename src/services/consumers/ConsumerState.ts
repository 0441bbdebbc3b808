/** What the parts of a running consumer share. */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type { Place } from "../../domain/meta/LibHistory.ts"
import { Signal } from "../base/Signal.ts"
import type { SubscribeError, SubscribeOptions, SubscriptionBatch } from "../follow/Subscription.ts"
import type { ReaderBusy } from "../../domain/format/Errors.ts"
import type { LibWriter } from "../lib/LibWriter.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { AllReadError } from "../streams/AllReader.ts"
import { ConsumerStopped, type HandlerFailed } from "./ConsumerErrors.ts"
import type { ParkedEvent } from "./Checkpoint.ts"
import type { Progress } from "./Progress.ts"
import type { LastError } from "./Status.ts"

/** Why a consumer stops by itself. */
export type ConsumerError = HandlerFailed | SubscribeError | StorageError

/** Why the end of the store cannot be looked at. */
export type EndError = SubscribeError | ReaderBusy

/** The events of a store, as a consumer needs them. */
export interface EventSource {
  /** Location of the lib, for messages. */
  readonly location: string
  readonly writer: LibWriter
  /** Names a position in the history of the lib. */
  readonly place: (position: number) => Place
  readonly contains: (place: Place) => Effect.Effect<boolean>
  readonly subscribe: (options: SubscribeOptions) => Stream.Stream<SubscriptionBatch, SubscribeError>
  /** Reads the event at a position. */
  readonly read: (position: number) => Stream.Stream<RecordedEvent, AllReadError>
  /** Returns the position after the last event of the store, not of what this process has seen of it. */
  readonly end: Effect.Effect<number, EndError>
  /** The same, but what this process has seen while the lib of a reader changes too fast. For what is only shown. */
  readonly seenEnd: Effect.Effect<number, SubscribeError>
}

/** A call of the handler. */
export interface HandlerCall {
  readonly event: RecordedEvent
  readonly begun: number
}

export class ConsumerState {
  /** Wakes those that wait for progress, for room, or for a pause, reset or stop. */
  readonly changes = new Signal()
  readonly parked = new Map<number, ParkedEvent>()
  readonly #clock: Clock.Clock
  progress: Progress
  /** Position after the last event of the store, when a batch was read. */
  end = 0
  /** Calls of the handler that run, in the order in which they began. */
  readonly calls = new Set<HandlerCall>()
  /** When the write of the checkpoint that is under way began. */
  writingSince: number | undefined
  /** What waits for the lib, which opens itself again, and the error that each waits because of. */
  readonly waitingFor = new Set<{ readonly error: unknown }>()
  /** Partitions that are at an event, which may wait for its next attempt. */
  busy = 0
  /** Whether the subscription is read, and whether it was asked for more than it has given. */
  isFollowing = false
  isPulling = false
  isPaused = false
  /** Partitions that are about to call the handler, or are in a call or its transaction: a pause waits for them. */
  inside = 0
  /** Nothing begins: the consumer stops or is reset. */
  isHalted = false
  isStopping = false
  hasEnded = false
  failure: Cause.Cause<ConsumerError> | undefined
  lastError: LastError | undefined
  /** Time of the last event that began or ended, and of the last batch that was read. */
  lastSign: number

  constructor(clock: Clock.Clock, progress: Progress) {
    this.#clock = clock
    this.progress = progress
    this.lastSign = clock.currentTimeMillisUnsafe()
  }

  get now(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  /** Number of calls of the handler that run. */
  get running(): number {
    return this.calls.size
  }

  /** When the first of the calls and writes that run began; `Infinity` if nothing runs. */
  get firstBegun(): number {
    const writing = this.writingSince ?? Number.POSITIVE_INFINITY
    for (const { begun } of this.calls) return Math.min(begun, writing)
    return writing
  }

  /** Milliseconds since the oldest parked event was parked; `undefined` without parked events. */
  get oldestParkedAge(): number | undefined {
    let oldest: number | undefined
    for (const { since } of this.parked.values()) oldest = Math.min(oldest ?? since, since)
    return oldest === undefined ? undefined : Math.max(0, this.now - oldest)
  }

  /** Whether it stops, or has stopped. */
  get isOver(): boolean {
    return this.isStopping || this.failure !== undefined
  }

  /** Notes a sign of life. */
  beat(): void {
    this.lastSign = this.now
  }

  /** Lets the consumer stop, with the first of all failures. From now on nothing begins: it would overtake what failed. */
  fail(cause: Cause.Cause<ConsumerError>): void {
    this.failure ??= cause
    this.isHalted = true
    this.changes.wake()
  }

  /** The error for what can happen no more. */
  stoppedError(consumer: string): ConsumerStopped {
    const { failure } = this
    const error = failure === undefined ? undefined : Cause.squash(failure)
    const name = error instanceof Error && "_tag" in error ? String(error._tag) : "a defect"
    const why = failure === undefined ? "its scope was closed" : `it failed with ${name}, which its status shows`
    return new ConsumerStopped({ consumer, why })
  }

  failWith(error: ConsumerError): void {
    this.fail(Cause.fail(error))
  }
}
