/** What a reactor is made of, and the checks of it. */
import type * as Effect from "effect/Effect"
import { aCallback, type Checks, refuseWrongOptions } from "../../domain/format/checkOptions.ts"
import type { Options as ConsumerOptions } from "../../services/Consumer.ts"
import { missing, optionChecks } from "../../services/consumers/definition.ts"
import type { EventFilter, RecordedEvent, StreamAppend } from "../../services/EventStore.ts"

/** What a reaction gets together with the event. */
export interface Reacting {
  /**
   * The idempotency key: a UUID that is the same for each call for this event, also in a copy of the lib and after a restore. Give
   * it to the system that you call, such as the payment provider, or to a decider as `commandId`.
   */
  readonly key: string
}

/**
 * What happened, as events to append: nothing, those of one stream, or those of several streams. Events without an id get one
 * that is derived from the key.
 */
export type Reaction = void | StreamAppend | ReadonlyArray<StreamAppend>

/** What a reactor does. */
export interface Options<Name extends string, E, R> extends Pick<
  ConsumerOptions<Name, E, R>,
  | "name"
  | "from"
  | "partitions"
  | "maxInFlight"
  | "retry"
  | "maxAttempts"
  | "stallAfter"
  | "onClaimed"
  | "onNotInHistory"
  | "allowGaps"
> {
  /**
   * Increase it to react to all events again: keys then differ from those of the version before, whose dead letters are
   * dropped. A lower one than that of the checkpoint is refused with `NewerConsumer`. Default: 1.
   */
  readonly version?: number
  /** Events to react to, as for `subscribe`. Dead letters match only if `categories` has `deadletter`, and never its own. */
  readonly filter: EventFilter
  /**
   * Performs the side effect for one event, and returns what happened. It is called at least once for each event, with the same
   * key: what it calls must recognise the key. What it returns is appended together with the checkpoint, as one batch: so it
   * is recorded once, and then the event is never handled again. Fails to be called again later. It is never interrupted: give
   * it a timeout if it can hang.
   */
  readonly react: (event: RecordedEvent, reacting: Reacting) => Effect.Effect<Reaction, E, R>
}

const {
  allowGaps,
  filter,
  from,
  maxAttempts,
  maxInFlight,
  name,
  onClaimed,
  onNotInHistory,
  partitions,
  retry,
  stallAfter,
  version
} = optionChecks

const reactorChecks = {
  name,
  version,
  filter,
  react: aCallback,
  from,
  partitions,
  maxInFlight,
  retry,
  maxAttempts,
  stallAfter,
  onClaimed,
  onNotInHistory,
  allowGaps
} satisfies Checks<Options<string, never, never>>

/** Throws `InvalidArgument` for options that a reactor cannot be made of. */
export const checkReactor = (options: object): void => {
  refuseWrongOptions("Reactor.make", options, reactorChecks)
  const error = missing("Reactor.make", options, ["name", "filter", "react"])
  if (error !== undefined) throw error
}
