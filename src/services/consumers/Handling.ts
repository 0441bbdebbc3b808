/** The second argument of a handler. */
import type { AppendCheckpoint } from "../streams/GivenCheckpoint.ts"

/** The second argument of a handler, after the event. */
export interface Handling {
  /**
   * The checkpoint that marks the event as done. Pass it to `append` or `appendAll`: the events and the checkpoint are
   * one atomic batch, and the consumer never handles the event again. Only with `CheckpointStore.layerLib`: with
   * another store, reading it throws `InvalidArgument`.
   */
  readonly checkpoint: AppendCheckpoint
}
