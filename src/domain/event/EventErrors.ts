/**
 * Errors of event streams, in addition to those of their tapes, and three classes for all errors of an append or a read:
 * `isConflict`, `isRetryable`, `isFatal`, and `match`.
 */
import * as Shape from "../base/Shape.ts"
import { TaggedError } from "../base/TaggedError.ts"
import { acceptLossAdvice } from "../format/DamageErrors.ts"
import { classOf, type ErrorClass, type ErrorTag, type TagOf } from "./errorClasses.ts"

export type { ErrorClass, ErrorTag, TagOf }

/** What an append expects of a stream: nothing, no events, at least one event, or its exact last revision. */
export const ExpectedRevision = Shape.Union([
  Shape.Literals(["any", "no-stream", "stream-exists"]),
  Shape.Int.check(Shape.isGreaterThanOrEqualTo(0))
])
export type ExpectedRevision = typeof ExpectedRevision.Type

/**
 * The stream is not where the append expected it, because somebody else appended. Nothing was appended. Read from
 * `actual` on, decide again, and append again.
 */
export class WrongExpectedRevision extends TaggedError<WrongExpectedRevision>("litetapes/WrongExpectedRevision")(
  "WrongExpectedRevision",
  {
    stream: Shape.String,
    /** The expectation as it was given. */
    expected: Shape.Union([Shape.Literals(["any", "no-stream", "stream-exists"]), Shape.Number]),
    /** The last revision of the stream, or `no-stream`. */
    actual: Shape.Union([Shape.Int, Shape.Literal("no-stream")])
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

/**
 * An event matches the condition of the append, and the decision did not take it into account: somebody else appended it
 * after the boundary. Nothing was appended. Query again, decide again, and append again.
 */
export class ConditionFailed extends TaggedError<ConditionFailed>("litetapes/ConditionFailed")("ConditionFailed", {
  /** Index of the entry of `appendAll` whose condition failed; null if it is the condition of the whole call. */
  index: Shape.NullOr(Shape.Int),
  /** Stream of the event that matches. */
  stream: Shape.String,
  /** Type of that event. */
  type: Shape.String,
  /** Its revision; null if it belongs to an earlier entry of the same call. */
  revision: Shape.NullOr(Shape.Int),
  /** Its position; null if it belongs to an earlier entry of the same call. */
  position: Shape.NullOr(Shape.Int)
}) {
  override get message() {
    const { index, position, revision, stream, type } = this
    const condition = index === null ? "the condition of the append" : `the condition of appends[${index}]`
    const event = `${JSON.stringify(type)} of stream ${JSON.stringify(stream)}`
    return position === null
      ? `an event ${event} that the same call appends earlier matches ${condition}. Nothing was appended: give the whole call one condition instead.`
      : `event ${event} at position ${position}, revision ${revision}, matches ${condition}. Nothing was appended: query again, decide again, and append again.`
  }
}

/**
 * An event id is taken, and this append does not repeat the one that used it. Nothing was appended. With a `commandId`,
 * the command has made other events before: `findCommand` returns its first result.
 */
export class EventIdConflict extends TaggedError<EventIdConflict>("litetapes/EventIdConflict")("EventIdConflict", {
  stream: Shape.String,
  id: Shape.String,
  why: Shape.Literals(["other-content", "partly-repeated", "twice-in-one-batch"]),
  /** The command that gave the event its id. */
  commandId: Shape.optionalKey(Shape.String)
}) {
  override get message() {
    if (this.commandId !== undefined) {
      return `command ${JSON.stringify(this.commandId)} was done before, and made other events in stream ${JSON.stringify(this.stream)}. Call findCommand for its first result, or use a new commandId.`
    }
    const whys = {
      "other-content": "belongs to an event with another type, data or tags. Use a new id, or repeat the same event.",
      "partly-repeated": "is known, but other events of this append are not. Use new ids, or repeat the same append.",
      "twice-in-one-batch": "occurs twice in one append. Give each event its own id."
    }
    return `event id ${JSON.stringify(this.id)} in stream ${JSON.stringify(this.stream)} ${whys[this.why]}`
  }
}

/** The tape that a stream would be placed on exists, and has the role `records`. */
export class TapeNotForEvents extends TaggedError<TapeNotForEvents>("litetapes/TapeNotForEvents")("TapeNotForEvents", {
  tape: Shape.String,
  stream: Shape.String
}) {
  override get message() {
    return `stream ${JSON.stringify(this.stream)} belongs on tape ${JSON.stringify(this.tape)}, which holds records, not events. Choose another category, or create a lib with another placement.`
  }
}

/**
 * Positions are missing: a tape was replaced, or an older one was restored. If `found` equals `expected`, two tapes
 * have an event at this position.
 */
export class PositionGap extends TaggedError<PositionGap>("litetapes/PositionGap")("PositionGap", {
  location: Shape.String,
  expected: Shape.Int,
  found: Shape.Int
}) {
  override get message() {
    if (this.found === this.expected)
      return `${this.location}: two events have position ${this.found}. Verify the lib to find the wrong tape.`
    return `${this.location}: no event has position ${this.expected}, the next one has ${this.found}. Verify the lib and restore the missing files, or read with allowGaps.`
  }
}

/**
 * The data or the metadata of an event, as it was stored or is to be appended, does not match the schema of its category.
 * In an append, `stream` and `index` name the event; nothing was appended. In a read, `stream`, `revision`, `position` and
 * `id` do. `Category.encode` knows neither.
 */
export class EventSchemaError extends TaggedError<EventSchemaError>("litetapes/EventSchemaError")("EventSchemaError", {
  category: Shape.String,
  type: Shape.String,
  why: Shape.String,
  /** Stream that the event is in, or was to be appended to. */
  stream: Shape.optionalKey(Shape.String),
  /** Place in the list of events to append, from 0. */
  index: Shape.optionalKey(Shape.Int),
  /** Revision of the stored event. */
  revision: Shape.optionalKey(Shape.Int),
  /** Position of the stored event. */
  position: Shape.optionalKey(Shape.Int),
  /** Id of the stored event. */
  id: Shape.optionalKey(Shape.String),
  /** Version of its type that the event is stored in, if the type has versions. */
  storedVersion: Shape.optionalKey(Shape.Int),
  /**
   * Version that the category reads such events as, if the type has versions. If the stored version is newer, the newest that
   * it knows.
   */
  presentVersion: Shape.optionalKey(Shape.Int)
}) {
  override get message() {
    const { presentVersion = 0, storedVersion = 0 } = this
    const advice =
      this.revision === undefined
        ? "Correct the data, or extend the schema."
        : storedVersion > presentVersion
          ? "Run a newer program, or read with another `unreadable`."
          : "Extend the schema, or declare the older version with Category.versions."
    const version = storedVersion > 0 ? ` (version ${storedVersion})` : ""
    return `${placeOf(this)}${this.type}${version} does not fit the schema of category ${this.category}: ${this.why}. ${advice}`
  }
}

/** Returns the beginning of a message about an event that is to be appended or was read. */
const placeOf = ({ id, index, position, revision, stream }: EventSchemaError): string => {
  if (stream === undefined) return ""
  const name = JSON.stringify(stream)
  return index === undefined
    ? `event at revision ${revision} of stream ${name}, position ${position}, id ${JSON.stringify(id)}: `
    : `event ${index} for stream ${name}: `
}

/**
 * Events are lost, or may be, that the read would return, or that decide what the append expects. Nobody has accepted
 * the loss. Nothing was appended.
 */
export class EventsLost extends TaggedError<EventsLost>("litetapes/EventsLost")("EventsLost", {
  tape: Shape.String,
  /** Stream that was read or appended to; null if events of all streams were read. */
  stream: Shape.NullOr(Shape.String),
  /** First lost revision of the stream, and the one after the last; null if it is not known which are lost. */
  revisions: Shape.NullOr(Shape.Tuple([Shape.Int, Shape.Int])),
  /** First position that may be lost, and the first one after the loss. */
  positions: Shape.Tuple([Shape.Int, Shape.Int]),
  /** The lost records came before the record of the tape with this ordinal. */
  ordinal: Shape.Int,
  /** File that was damaged or missing. */
  segment: Shape.String
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
 * A subscription, or the boundary of a query or a condition, is to continue after an event that is not in the history of
 * this lib, as far as it goes: the lib was restored to an earlier state, or the place was noted in another lib.
 */
export class NotInHistory extends TaggedError<NotInHistory>("litetapes/NotInHistory")("NotInHistory", {
  location: Shape.String,
  /** Position, or revision of the stream, to continue after; −1 for a boundary that has seen no event. */
  after: Shape.Int,
  why: Shape.String
}) {
  override get message() {
    const what = this.after < 0 ? "cannot continue from there" : `has no event ${this.after} to continue after`
    return `${this.location} ${what}: ${this.why}. Rebuild what was derived from its events, from the start on, or open the lib that it was derived from.`
  }
}

export { CheckpointLost, CheckpointNotIncreased } from "./CheckpointErrors.ts"
export { SubjectForgotten } from "./ErasureErrors.ts"

/** The errors of `E` that belong to a class. If `E` is `unknown`, as in a `catch` block, any error of that class. */
export type Classified<E, Class extends ErrorClass> = unknown extends E
  ? {
      conflict: WrongExpectedRevision | ConditionFailed
      retryable: Error & { readonly _tag: TagOf<"retryable"> }
      fatal: Error
    }[Class]
  : Class extends "fatal"
    ? Exclude<E, { readonly _tag: TagOf<"conflict" | "retryable"> }>
    : Extract<E, { readonly _tag: TagOf<Class> }>

/**
 * Returns whether an append failed because somebody else was faster: `WrongExpectedRevision` if its stream has moved on,
 * `ConditionFailed` if an event matches its condition. Nothing was appended. Read again, decide again, and append again.
 *
 * `EventIdConflict` is fatal instead: the same ids with other content fail each time.
 *
 * @example
 * ```ts
 * const withdraw = Effect.retry(readAndDecideAndAppend, { while: EventErrors.isConflict, times: 10 })
 * ```
 */
export const isConflict = <E>(error: E): error is E & Classified<E, "conflict"> => classOf(error) === "conflict"

/**
 * Returns whether the same append or read may succeed later, although nothing is changed in it. Wait between the attempts
 * and limit their number, because each of these may last:
 *
 * - `CommitOutcomeUnknown`, `WriterPoisoned`: the writer stopped. Call `lib.reopen`, or set the option `reopen`. Then
 *   repeat an append **with the same event ids**; without ids it may be stored twice.
 * - `LibClosed`: the lib is being opened again, or was closed for good.
 * - `StorageError`: the disk failed to do something, such as to open a file while too many are open.
 * - `TapeExists`: the tape of the stream is being created by another call.
 * - `ReaderBusy`, of `lib.refresh` and of subscriptions: the lib changed faster than it could be read.
 * - `LibLocked`, of opening: until the other writer closes it.
 * - `ConsumerClaimed`, of consumers: until the other run ends.
 * - `WriterUnreachable`, of a `SharedStore`: until one of the processes is the writer.
 */
export const isRetryable = <E>(error: E): error is E & Classified<E, "retryable"> => classOf(error) === "retryable"

/**
 * Returns whether an append or a read fails again until a person changes something: the call (`InvalidEvent`,
 * `EventSchemaError`, `EventIdConflict`, `BatchTooLarge` …) or the files (`SegmentCorrupt`, `TapeInvalid`, `EventsLost` …).
 * Nothing was appended. The message says what to do. Everything else that may be thrown is fatal too, such as a
 * `TypeError`.
 */
export const isFatal = <E>(error: E): error is E & Classified<E, "fatal"> => classOf(error) === "fatal"

/** What to do about an error of an append or a read, by its class. */
export interface Cases<E, A, B, C> {
  /** Somebody else was faster: read again and decide again. See `isConflict`. */
  readonly conflict: (error: Classified<E, "conflict">) => A
  /** The same call may succeed later. See `isRetryable`. */
  readonly retryable: (error: Classified<E, "retryable">) => B
  /** It fails again until a person changes something, or it is not an error of an append or a read. See `isFatal`. */
  readonly fatal: (error: unknown extends E ? unknown : Classified<E, "fatal">) => C
}

/**
 * Runs the case for an error of an append or a read, and returns its result. Every error has exactly one case.
 *
 * @example
 * ```ts
 * const cases = { conflict: () => 409, retryable: () => 503, fatal: () => 500 }
 * const status = Effect.match(append, { onFailure: (error) => EventErrors.match(error, cases), onSuccess: () => 201 })
 *
 * try {
 *   await store.append("order-17", events, { expected: 3 })
 * } catch (error) {
 *   response.status = EventErrors.match(error, cases)
 * }
 * ```
 */
export const match = <E, A, B, C>(error: E, cases: Cases<E, A, B, C>): A | B | C => {
  if (isConflict(error)) return cases.conflict(error)
  if (isRetryable(error)) return cases.retryable(error)
  return cases.fatal(error as Parameters<Cases<E, A, B, C>["fatal"]>[0])
}
