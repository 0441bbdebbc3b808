/** What can go wrong with event streams, beyond what can go wrong with their tapes. */
import * as Schema from "effect/Schema"

/** What an append expects of a stream: nothing, that it is new, that it is not, or its exact last revision. */
export const ExpectedRevision = Schema.Union([
  Schema.Literals(["any", "no-stream", "stream-exists"]),
  Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
])
export type ExpectedRevision = typeof ExpectedRevision.Type

/**
 * The stream is not where the append expected it: somebody else appended. Nothing was appended. Read from
 * `actual` on, decide again, append again.
 */
export class WrongExpectedRevision extends Schema.TaggedError<WrongExpectedRevision>("litetapes/WrongExpectedRevision")(
  "WrongExpectedRevision",
  {
    stream: Schema.String,
    /** As it was given: −1, or what is no revision at all, is never that of a stream with events. */
    expected: Schema.Union([Schema.Literals(["any", "no-stream", "stream-exists"]), Schema.Number]),
    /** The last revision of the stream, or `no-stream`. */
    actual: Schema.Union([Schema.Int, Schema.Literal("no-stream")])
  }
) {
  override get message() {
    return `stream ${JSON.stringify(this.stream)} is at ${this.actual}, expected ${this.expected}: read it again, decide again, append again`
  }
}

/** An event id is known already, but this is not the same append again. Nothing was appended. */
export class EventIdConflict extends Schema.TaggedError<EventIdConflict>("litetapes/EventIdConflict")(
  "EventIdConflict",
  {
    stream: Schema.String,
    id: Schema.String,
    why: Schema.Literals(["other-content", "partly-repeated", "twice-in-one-batch"])
  }
) {
  override get message() {
    const whys = {
      "other-content": "is taken by an event with other content",
      "partly-repeated": "is known already, but other events of this append are not",
      "twice-in-one-batch": "stands twice in one append"
    }
    return `event id ${JSON.stringify(this.id)} in stream ${JSON.stringify(this.stream)} ${whys[this.why]}`
  }
}

/** A tape on which streams would be placed exists, and belongs to somebody who appends records to it. */
export class TapeNotForEvents extends Schema.TaggedError<TapeNotForEvents>("litetapes/TapeNotForEvents")(
  "TapeNotForEvents",
  { tape: Schema.String, stream: Schema.String }
) {
  override get message() {
    return `stream ${JSON.stringify(this.stream)} belongs on tape ${JSON.stringify(this.tape)}, which holds records: choose another category, or another placement for a new lib`
  }
}

/**
 * Events between two positions are not where they should be: a tape was replaced or put back. Where `found` is `expected`,
 * two tapes have an event at this position.
 */
export class PositionGap extends Schema.TaggedError<PositionGap>("litetapes/PositionGap")("PositionGap", {
  location: Schema.String,
  expected: Schema.Int,
  found: Schema.Int
}) {
  override get message() {
    if (this.found === this.expected)
      return `${this.location}: two events stand at position ${this.found}: verify the lib`
    return `${this.location}: position ${this.expected} is missing, ${this.found} follows: verify the lib and restore what is missing, or read with allowGaps`
  }
}

/** Stored data is not what the category's schema says. */
export class EventSchemaError extends Schema.TaggedError<EventSchemaError>("litetapes/EventSchemaError")(
  "EventSchemaError",
  { category: Schema.String, type: Schema.String, why: Schema.String }
) {
  override get message() {
    return `${this.type} does not fit the schema of category ${this.category}: ${this.why}`
  }
}
