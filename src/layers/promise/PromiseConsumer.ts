/** A consumer that runs, for callers without Effect. */
import type * as Duration from "effect/Duration"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type { ParkedEvent } from "../../services/consumers/Checkpoint.ts"
import type { Options } from "../../services/consumers/definition.ts"
import type { Status } from "../../services/consumers/Status.ts"
import type { SubscribeOptions } from "../../services/EventStore.ts"
import type { CheckpointStore } from "../../services/ports/CheckpointStore.ts"
import type { AppendCheckpoint } from "../../services/streams/GivenCheckpoint.ts"
import type { CallOptions } from "./CallOptions.ts"

/** The second argument of a handler. */
export interface HandlerContext {
  /**
   * Aborted once the consumer begins to stop. The consumer waits for the handler in any case. If the handler rejects
   * after that, that does not count as an attempt: the event is handled again in the next run.
   */
  readonly signal: AbortSignal
  /**
   * The checkpoint that marks the event as done. Pass it to `append` or `appendAll`: the events and the checkpoint are
   * one atomic batch, and the consumer never handles the event again. Only with `checkpoints: "lib"`; otherwise reading
   * it throws `InvalidArgument`, and the consumer stops.
   */
  readonly checkpoint: AppendCheckpoint
}

/** Pauses between the attempts on an event. */
export interface RetryOptions {
  /** The first pause. A number counts milliseconds. Default: 100 ms. */
  readonly pause?: Duration.Input
  /** Factor by which each pause is longer than the one before. Default: 2. */
  readonly factor?: number
  /** The longest pause. Default: no limit. */
  readonly pauseMax?: Duration.Input
}

/** Checkpoints in memory, for tests: a map of the program, by consumer, then by key. */
export type CheckpointMap = Map<string, Map<string, string>>

/** Options of a consumer, for callers without Effect. */
export interface ConsumeOptions
  extends Omit<Options<string, never, never>, "handler" | "retry" | "transaction">, CallOptions {
  /**
   * Handles one event. It may be called again for an event that it has handled, because each event is handled at least
   * once; a second call must do no harm. If it throws or rejects, it is called again after a pause. The consumer never
   * stops waiting for it: give it a timeout if it can hang.
   */
  readonly handler: (event: RecordedEvent, context: HandlerContext) => unknown
  /**
   * Where checkpoints are kept: `"lib"`, in the lib itself, as `CheckpointStore.makeLib` does, in the process of its writer;
   * in the folder of this path on a local disk, outside the lib, as `CheckpointStore.makeFolder` does (a folder that is
   * called `lib` is `"./lib"`); in a `Map`, for tests; or in any `CheckpointStore`.
   */
  readonly checkpoints: "lib" | (string & {}) | CheckpointMap | CheckpointStore["Service"]
  /** Pauses between the attempts on an event. */
  readonly retry?: RetryOptions
  /** Stops the consumer, as `stop` does. Before it runs, the call rejects with `Aborted`. */
  readonly signal?: AbortSignal
}

/**
 * A consumer that runs. Each method does what the one of `Consumer.Running` does. A handler must not await `pause`, `reset`,
 * `replay`, `whenCaughtUp` or `stop` of its own consumer: they wait for the handler.
 */
export interface PromiseConsumer extends AsyncDisposable {
  /** Name of the consumer. */
  readonly name: string
  /**
   * Settles once the consumer has ended: resolves after `stop`, and rejects with the error that it failed with, such as
   * `HandlerFailed`. A rejection that nobody awaits ends no process; it is logged as well.
   */
  readonly done: Promise<void>
  /** Returns the status. In a reader this costs a read of the hint, to find the end of the store. */
  readonly status: (options?: CallOptions) => Promise<Status>
  /** Waits until the event at this position, and all before it, are done. */
  readonly whenProcessed: (position: number, options?: CallOptions) => Promise<void>
  /** Waits until everything that the store has now is done. */
  readonly whenCaughtUp: (options?: CallOptions) => Promise<void>
  /** Stops beginning calls of the handler. Resolves once the running ones have ended. */
  readonly pause: (options?: CallOptions) => Promise<void>
  /** Continues after `pause`. */
  readonly resume: () => Promise<void>
  /**
   * Continues elsewhere: handles events again, or leaves some out. Parked events stay until they are handled. If the
   * new checkpoint cannot be written, the consumer stops.
   */
  readonly reset: (to: NonNullable<SubscribeOptions["from"]>, options?: CallOptions) => Promise<void>
  /** Returns the parked events, by position. */
  readonly parked: () => Promise<ReadonlyArray<ParkedEvent>>
  /**
   * Calls the handler once for a parked event, in turn with other events of its stream. Does not move the checkpoint.
   */
  readonly replay: (position: number, options?: CallOptions) => Promise<void>
  /** Deletes a parked event from the list, without handling it. */
  readonly drop: (position: number, options?: CallOptions) => Promise<void>
  /**
   * Stops the consumer: waits for running calls of the handler, writes the checkpoint, and frees the name. Then it
   * resolves, even if the consumer had failed: `done` says why. `close` of the store stops all of its consumers.
   */
  readonly stop: () => Promise<void>
}
