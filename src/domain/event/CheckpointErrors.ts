/** Why an append with a checkpoint is refused. */
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"

/**
 * The checkpoint of the append adds nothing: its event is done already, by this run of the consumer or an earlier one,
 * or a later version of the consumer has a checkpoint. Nothing was appended. Treat the event as done.
 */
export class CheckpointNotIncreased extends TaggedError<CheckpointNotIncreased>("litetapes/CheckpointNotIncreased")(
  "CheckpointNotIncreased",
  {
    /** Name of the consumer. */
    consumer: Shape.String,
    /** Position of the event that the append answers; null if it gives none. */
    position: Shape.NullOr(Shape.Int),
    /** Version of the stored checkpoint. */
    version: Shape.Int,
    /** The lowest position that is not done in the stored checkpoint. */
    low: Shape.Int,
    /** Ranges that are done above `low`; the second position is excluded. */
    done: Shape.Array(Shape.Tuple([Shape.Int, Shape.Int]))
  }
) {
  override get message() {
    const { consumer, low, position, version } = this
    const [what, next] =
      position === null
        ? ["the checkpoint adds nothing", "To go back to an earlier position, append a checkpoint with reset: true."]
        : [`event ${position} is done already`, "Treat the event as done."]
    return `consumer ${consumer}: ${what}: its stored checkpoint is at version ${version}, position ${low}. Nothing was appended. ${next}`
  }
}

/**
 * The lib was recovered, and the checkpoint of the consumer is lost, or later ones may be; or the lib was restored up
 * to a position below answers that the checkpoint includes. So it is unknown which events the consumer has handled.
 * Nothing was handled or appended.
 */
export class CheckpointLost extends TaggedError<CheckpointLost>("litetapes/CheckpointLost")("CheckpointLost", {
  /** Location of the lib. */
  location: Shape.String,
  /** Name of the consumer. */
  consumer: Shape.String,
  /**
   * Position of the last known checkpoint; null if none is known. After a recovery everything below it was done. After
   * a restore the answers to events below it may have been left out.
   */
  low: Shape.NullOr(Shape.Int)
}) {
  override get message() {
    const { consumer, location, low } = this
    const known = low === null ? "" : `; its last known checkpoint is at position ${low}`
    return `${location} was recovered, or restored up to a position, and nobody knows how far consumer ${consumer} was${known}. Find that out, then run it once with onNotInHistory: "begin-again" and from: { after }, or append a checkpoint with reset: true.`
  }
}
