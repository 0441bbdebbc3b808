/** Errors of event streams, in addition to those of their tapes. */
import * as Schema from "effect/Schema"
import { acceptLossAdvice } from "../format/DamageErrors.ts"

/** What an append expects of a stream: nothing, no events, at least one event, or its exact last revision. */
export const ExpectedRevision = Schema.Union([
  Schema.Literals(["any", "no-stream", "stream-exists"]),
  Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
])
export type ExpectedRevision = typeof ExpectedRevision.Type

/**
 * The stream is not where the append expected it, because somebody else appended. Nothing was appended. Read from
 * `actual` on, decide again, and append again.
 */
export class WrongExpectedRevision extends Schema.TaggedError<WrongExpectedRevision>("litetapes/WrongExpectedRevision")(
  "WrongExpectedRevision",
  {
    stream: Schema.String,
    /** The expectation as it was given. −1, or a number that is not a revision, never matches a stream with events. */
    expected: Schema.Union([Schema.Literals(["any", "no-stream", "stream-exists"]), Schema.Number]),
    /** The last revision of the stream, or `no-stream`. */
    actual: Schema.Union([Schema.Int, Schema.Literal("no-stream")])
  }
) {
  override get message() {
    const at = this.actual === "no-stream" ? "has no events" : `is at revision ${this.actual}`
    return `stream ${JSON.stringify(this.stream)} ${at}, but the append expects ${expectationOf(this.expected)}. Nothing was appended: read the stream again, decide again, and append again.`
  }
}

const expectationOf = (expected: "any" | "no-stream" | "stream-exists" | number): string => {
  if (typeof expected === "number") return `revision ${expected}`
  return { any: "nothing of it", "no-stream": "no events", "stream-exists": "at least one event" }[expected]
}

/** An event id is taken, and this append does not repeat the one that used it. Nothing was appended. */
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
      "other-content": "belongs to an event with other content. Use a new id, or repeat the same content.",
      "partly-repeated": "is known, but other events of this append are not. Use new ids, or repeat the same append.",
      "twice-in-one-batch": "occurs twice in one append. Give each event its own id."
    }
    return `event id ${JSON.stringify(this.id)} in stream ${JSON.stringify(this.stream)} ${whys[this.why]}`
  }
}

/** The tape that a stream would be placed on exists, and has the role `records`. */
export class TapeNotForEvents extends Schema.TaggedError<TapeNotForEvents>("litetapes/TapeNotForEvents")(
  "TapeNotForEvents",
  { tape: Schema.String, stream: Schema.String }
) {
  override get message() {
    return `stream ${JSON.stringify(this.stream)} belongs on tape ${JSON.stringify(this.tape)}, which holds records, not events. Choose another category, or create a lib with another placement.`
  }
}

/**
 * Positions are missing: a tape was replaced, or an older one was restored. If `found` equals `expected`, two tapes
 * have an event at this position.
 */
export class PositionGap extends Schema.TaggedError<PositionGap>("litetapes/PositionGap")("PositionGap", {
  location: Schema.String,
  expected: Schema.Int,
  found: Schema.Int
}) {
  override get message() {
    if (this.found === this.expected)
      return `${this.location}: two events have position ${this.found}. Verify the lib to find the wrong tape.`
    return `${this.location}: no event has position ${this.expected}, the next one has ${this.found}. Verify the lib and restore the missing files, or read with allowGaps.`
  }
}

/** The data of an event, as it was stored or is to be appended, does not match the schema of its category. */
export class EventSchemaError extends Schema.TaggedError<EventSchemaError>("litetapes/EventSchemaError")(
  "EventSchemaError",
  { category: Schema.String, type: Schema.String, why: Schema.String }
) {
  override get message() {
    return `${this.type} does not fit the schema of category ${this.category}: ${this.why}. Correct the data, or extend the schema.`
  }
}

/**
 * Events are lost, or may be, that the read would return, or that decide what the append expects. Nobody has accepted
 * the loss. Nothing was appended.
 */
export class EventsLost extends Schema.TaggedError<EventsLost>("litetapes/EventsLost")("EventsLost", {
  tape: Schema.String,
  /** Stream that was read or appended to; null if events of all streams were read. */
  stream: Schema.NullOr(Schema.String),
  /** First lost revision of the stream, and the one after the last; null if it is not known which are lost. */
  revisions: Schema.NullOr(Schema.Tuple([Schema.Int, Schema.Int])),
  /** First position that may be lost, and the first one after the loss. */
  positions: Schema.Tuple([Schema.Int, Schema.Int]),
  /** The lost records came before the record of the tape with this ordinal. */
  ordinal: Schema.Int,
  /** File that was damaged or missing. */
  segment: Schema.String
}) {
  override get message() {
    const { revisions, stream, tape } = this
    const where = `on tape ${JSON.stringify(tape)}, at positions ${this.positions[0]} to ${this.positions[1] - 1}, in ${this.segment}`
    if (stream === null) return `events ${where}, are lost or may be. ${acceptLossAdvice}`
    const name = JSON.stringify(stream)
    return revisions === null
      ? `stream ${name} may have lost events ${where}. ${acceptLossAdvice}`
      : `stream ${name} has lost its revisions ${revisions[0]} to ${revisions[1] - 1} ${where}. ${acceptLossAdvice}`
  }
}

/**
 * A subscription is to continue after an event that is not in the history of this lib, as far as it goes: the lib was
 * restored to an earlier state, or the place was noted in another lib.
 */
export class NotInHistory extends Schema.TaggedError<NotInHistory>("litetapes/NotInHistory")("NotInHistory", {
  location: Schema.String,
  /** Position, or revision of the stream, to continue after. */
  after: Schema.Int,
  why: Schema.String
}) {
  override get message() {
    return `${this.location} has no event ${this.after} to continue after: ${this.why}. Rebuild what was derived from its events, from the start on, or open the lib that it was derived from.`
  }
}
