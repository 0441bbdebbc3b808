/** The failure of a replay: the first event that the new version cannot handle. */
import * as Shape from "../domain/base/Shape.ts"
import { TaggedError } from "../domain/base/TaggedError.ts"
import { whyOf } from "../services/consumers/ConsumerErrors.ts"

/** The first event that could not be handled. The lib was not changed. */
export class ReplayFailure extends TaggedError<ReplayFailure>("litetapes/ReplayFailure")("ReplayFailure", {
  /** Location of the lib, or of the backup. */
  location: Shape.String,
  /** Stream, revision and position of the event. */
  stream: Shape.String,
  revision: Shape.Int,
  position: Shape.Int,
  /** Type of the event, as it is stored. */
  type: Shape.String,
  /** Id of the event. */
  id: Shape.String,
  /** What its handler failed with, or threw. */
  error: Shape.Unknown,
  /** Events that were handled before. */
  handled: Shape.Int
}) {
  override get message() {
    return `the event at position ${this.position} of ${this.location} was not handled: ${this.type}, revision ${this.revision} of stream ${JSON.stringify(this.stream)}: ${whyOf(this.error)}. Before it, ${this.handled} events were.`
  }
}
