/** The options of a consumer, and how they are checked. */
import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import type * as Effect from "effect/Effect"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import {
  aCallback,
  aFlag,
  type Check,
  type Checks,
  isCount,
  nested,
  oneOf,
  shown,
  unless
} from "../../domain/format/checkOptions.ts"
import { aDuration } from "../base/checkCall.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { HandlerContext } from "./HandlerContext.ts"
import type { Handling } from "./Handling.ts"
import { beginning, isPlace } from "../follow/beginning.ts"
import type { SubscribeOptions } from "../follow/Subscription.ts"
import { type EventFilter, filterChecks } from "../streams/EventFilter.ts"

/** What happens to a poison event: the handler has failed on it `maxAttempts` times, or `retry` has ended. */
export type OnPoison = "stop" | "park" | "skip"

/** Options of a consumer. */
export interface Options<Name extends string, E, R> {
  /** Names the checkpoint: 1 to 64 lower-case letters, digits, `-` and `_`, beginning with a letter or digit. */
  readonly name: Name
  /**
   * Increase it to handle all events again: the checkpoint of an earlier version, and its parked events, are dropped. A
   * checkpoint of a later version is refused with `NewerConsumer`. Default: 1.
   */
  readonly version?: number
  /** Events to handle, as for `subscribe`. Default: all. */
  readonly filter?: EventFilter
  /**
   * Handles one event. It may be called again for an event that it has handled, because each event is handled at least
   * once; a second call must do no harm. With `CheckpointStore.layerLib` a handler that only appends can pass its
   * `checkpoint` to the append, and then takes effect exactly once. Failures and defects are both retried. The handler
   * is never interrupted: give it a timeout if it can hang. Events that it appends name the handled event as their
   * cause: see `litetapes/EventContext`.
   */
  readonly handler: (event: RecordedEvent, handling: Handling) => Effect.Effect<unknown, E, R>
  /** Where to begin without a checkpoint, as for `subscribe`. Default: `start`. */
  readonly from?: NonNullable<SubscribeOptions["from"]>
  /**
   * Number of events that may be handled at the same time. Those of a stream are always handled one after the other.
   * Default: 1, which keeps the order of all events.
   */
  readonly partitions?: number
  /** Maximum number of events that were read and are not done, without the page that is being read. Default: 256. */
  readonly maxInFlight?: number
  /** Pauses between the attempts on an event. Default: 100 ms, doubled each time. */
  readonly retry?: Schedule.Schedule<unknown>
  /**
   * How often the handler is called for an event before it counts as poison; less if `retry` ends. A call in
   * a transaction with other events that was rolled back counts as none: it may have failed because of them. Default: 5.
   */
  readonly maxAttempts?: number
  /**
   * `stop` (the default): the consumer fails with `HandlerFailed`. `park`: the event is kept with its error, and you
   * can replay or drop it. `skip`: it is logged, and this consumer never handles it. After `park` and `skip` the
   * consumer continues with later events of the stream.
   */
  readonly onPoison?: OnPoison
  /**
   * Calls the handler in a transaction of the checkpoint store, together with the checkpoint: its changes in that
   * database happen exactly once. Needs a store with transactions, such as `CheckpointStore.layerSql` over the
   * `SqlClient` that the handler uses, and one partition. If a handler fails, the events of its transaction are handled
   * again, each in one of its own. Default: no transactions.
   */
  readonly transaction?: {
    /** Events that are handled in one transaction, at most. Default: 500. */
    readonly events?: number
  }
  /** When the checkpoint is written. It is also written when the consumer stops. */
  readonly checkpoint?: {
    /** Done events after which it is written. Default: 1000. */
    readonly events?: number
    /** Maximum time from the first done event until it is written. Default: 1 second. */
    readonly interval?: Duration.Input
  }
  /**
   * Time without a sign of life after which the consumer is stalled: a status, a metric and a warning. Default: 1
   * minute.
   */
  readonly stallAfter?: Duration.Input
  /** Whether to wait if the consumer runs already. Default: `refuse`, with `ConsumerClaimed`. */
  readonly onClaimed?: "refuse" | "wait"
  /**
   * What to do with a checkpoint of another lib, or of events that a restore has left out. Default: `fail`, with
   * `NotInHistory`. `begin-again`: drop it, and the parked events, and begin at `from`.
   */
  readonly onNotInHistory?: "fail" | "begin-again"
  /** Whether to continue where events are lost, as in `readAll`. Default: false. */
  readonly allowGaps?: boolean
}

/** Options with their defaults. */
export interface Definition<E, R> extends Required<
  Omit<Options<string, E, R>, "checkpoint" | "filter" | "handler" | "stallAfter" | "transaction">
> {
  readonly handler: (event: RecordedEvent, handling: HandlerContext) => Effect.Effect<unknown, E, R>
  /** Names the spans of what it does. */
  readonly operation: "consume" | "project"
  readonly filter: EventFilter | undefined
  readonly checkpointEvents: number
  readonly checkpointInterval: Duration.Duration
  readonly stallAfter: Duration.Duration
  /** Events in a transaction with the checkpoint, at most; `undefined` without transactions. */
  readonly transactionEvents: number | undefined
}

/** Bounds the checkpoint: it has at most two ranges for each event in flight. */
const maxInFlightMax = 100_000

/** Half of what may be in flight: one transaction runs while the next one is read. */
const transactionEventsMax = maxInFlightMax / 2
const transactionEvents = 500

const positive =
  (maximum: number): Check =>
  (value) =>
    value === undefined || (isCount(value) && value >= 1 && value <= maximum)
      ? undefined
      : { below: "", why: `must be a whole number from 1 to ${maximum}, not ${shown(value)}` }

const isName = (value: unknown): boolean => typeof value === "string" && /^[a-z0-9][a-z0-9_-]{0,63}$/.test(value)

/** Where a consumer begins, or continues after a reset. */
export const aBeginning: Check = beginning((after) => isCount(after) || isPlace(after), "a position, or a Place")

/** Checks of the options of a consumer. */
export const optionChecks = {
  name: unless(isName, 'a name of 1 to 64 lower-case letters, digits, "-" and "_"'),
  version: positive(Number.MAX_SAFE_INTEGER),
  filter: nested(filterChecks),
  handler: aCallback,
  from: aBeginning,
  partitions: positive(1024),
  maxInFlight: positive(maxInFlightMax),
  retry: unless(Schedule.isSchedule, "a Schedule"),
  maxAttempts: positive(Number.MAX_SAFE_INTEGER),
  onPoison: oneOf("stop", "park", "skip"),
  transaction: nested({
    events: positive(transactionEventsMax)
  } satisfies Checks<NonNullable<Options<string, never, never>["transaction"]>>),
  checkpoint: nested({
    events: positive(Number.MAX_SAFE_INTEGER),
    interval: aDuration
  } satisfies Checks<NonNullable<Options<string, never, never>["checkpoint"]>>),
  stallAfter: unless(
    (value) =>
      aDuration(value) === undefined && Duration.toMillis(Duration.fromInputUnsafe(value as Duration.Input)) > 0,
    'a duration such as "60 seconds"'
  ),
  onClaimed: oneOf("refuse", "wait"),
  onNotInHistory: oneOf("fail", "begin-again"),
  allowGaps: aFlag
} satisfies Checks<Options<string, never, never>>

/** Returns the error for a missing option. */
export const missing = (
  call: string,
  options: object | undefined,
  required: ReadonlyArray<string>
): InvalidArgument | undefined => {
  const argument = required.find((name) => Object(options)[name] === undefined)
  return argument === undefined
    ? undefined
    : new InvalidArgument({ call, argument: `options.${argument}`, why: "is missing" })
}

/** Returns the error for options that exclude each other. */
export const contradiction = (
  call: string,
  { partitions = 1, transaction }: Pick<Options<string, never, never>, "partitions" | "transaction">
): InvalidArgument | undefined =>
  transaction === undefined || partitions === 1
    ? undefined
    : new InvalidArgument({
        call,
        argument: "options.partitions",
        why: "must be 1 with the option transaction: transactions take turns"
      })

export const definitionOf = <E, R>(options: Options<string, E, R>): Definition<E, R> => ({
  name: options.name,
  version: options.version ?? 1,
  operation: "consume",
  filter: options.filter,
  handler: options.handler,
  from: options.from ?? "start",
  partitions: options.partitions ?? 1,
  maxInFlight:
    options.maxInFlight ??
    // Else a transaction could never be full, or reading would wait for it.
    (options.transaction === undefined ? 256 : Math.max(256, 2 * (options.transaction.events ?? transactionEvents))),
  retry: options.retry ?? Schedule.exponential("100 millis"),
  maxAttempts: options.maxAttempts ?? 5,
  onPoison: options.onPoison ?? "stop",
  checkpointEvents: options.checkpoint?.events ?? 1000,
  checkpointInterval: Duration.fromInputUnsafe(options.checkpoint?.interval ?? "1 second"),
  stallAfter: Duration.fromInputUnsafe(options.stallAfter ?? "1 minute"),
  transactionEvents: options.transaction === undefined ? undefined : (options.transaction.events ?? transactionEvents),
  onClaimed: options.onClaimed ?? "refuse",
  onNotInHistory: options.onNotInHistory ?? "fail",
  allowGaps: options.allowGaps ?? false
})
