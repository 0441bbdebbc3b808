/** What a running consumer says of itself. */

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

/** How a consumer is. */
export interface Status {
  /** `stalled`: its `heartbeat` is older than `stallAfter`. `stopped`: it failed with `error`, or its scope is closed. */
  readonly state: "running" | "paused" | "stalled" | "stopped"
  /** Why it stopped by itself: a `ConsumerError`, or a defect. */
  readonly error: unknown
  /** The lowest position that is not done. */
  readonly position: number
  /** Events between `position` and the end of the store; `undefined` if the store cannot be looked at. */
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
   * Time of the last sign of life, in milliseconds since 1970: now, if it is paused or waits for the next append; else when
   * a batch was read, or a call of the handler began or ended; while calls run, when the first of them began. An old one says
   * that the handler, a read or a write of the checkpoint hangs, or that the consumer has stopped.
   */
  readonly heartbeat: number
}
