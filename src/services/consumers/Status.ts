/** The status of a consumer. */

/** The last failure of the handler. */
export interface LastError {
  /** Position of the event. */
  readonly position: number
  /** Name of its stream. */
  readonly stream: string
  /** Which attempt on the event it was, from 1. */
  readonly attempt: number
  /** What the handler failed with. */
  readonly why: string
  /** When, in milliseconds since 1970. */
  readonly time: number
}

/** The status of a consumer at one moment. */
export interface Status {
  /**
   * `waiting`: the writer of the lib has stopped, or its disk does not read, and the lib opens itself again (option `reopen`);
   * then the consumer continues. `stalled`: its `heartbeat` is older than `stallAfter`. `stopped`: it failed with `error`, or
   * its scope is closed.
   */
  readonly state: "running" | "paused" | "waiting" | "stalled" | "stopped"
  /** Why it stopped by itself: a `ConsumerError`, or a defect. While it is `waiting`, why it waits. */
  readonly error: unknown
  /** The lowest position that is not done. */
  readonly position: number
  /** Events between `position` and the end of the store; `undefined` if the end cannot be read. */
  readonly lag: number | undefined
  /** Events that were read and are not done. */
  readonly inFlight: number
  /** Number of parked events. */
  readonly parked: number
  /** Milliseconds since the oldest parked event was parked; `undefined` without parked events. */
  readonly oldestParkedAge: number | undefined
  /** The last failure of the handler, also if a later attempt succeeded. */
  readonly lastError: LastError | undefined
  /**
   * Time of the last sign of life, in milliseconds since 1970. It is now while the consumer is paused or waits for the
   * next append; while calls of the handler run, the time when the oldest of them began; otherwise the time when the
   * last batch was read, or the last call began or ended. An old heartbeat means that the handler, a read or a write of
   * the checkpoint hangs, or that the consumer has stopped.
   */
  readonly heartbeat: number
}
