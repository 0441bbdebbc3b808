/** Errors of an append as JSON, and back as errors of the same class. */
import * as Result from "effect/Result"
import type { ErrorClass } from "../../domain/base/PlainError.ts"
import { reader } from "../../domain/base/readShape.ts"
import * as Shape from "../../domain/base/Shape.ts"
import { InvalidEvent } from "../../domain/event/Event.ts"
import {
  CheckpointLost,
  CheckpointNotIncreased,
  ConditionFailed,
  EventIdConflict,
  EventsLost,
  NotInHistory,
  PositionGap,
  TapeNotForEvents,
  WrongExpectedRevision
} from "../../domain/event/EventErrors.ts"
import {
  BatchTooLarge,
  ClockOutOfRange,
  CommitOutcomeUnknown,
  DecompressionLimit,
  ForkDetected,
  IdentityMismatch,
  InvalidArgument,
  LibClosed,
  MetaCorrupt,
  MetaInvalid,
  ReadOnly,
  SegmentCorrupt,
  SegmentMissing,
  TapeArchived,
  TapeExists,
  TapeInvalid,
  TapeNotFound,
  UnsupportedFormat,
  WriterPoisoned
} from "../../domain/format/Errors.ts"
import { SubjectForgotten } from "../../domain/event/ErasureErrors.ts"
import { InvalidSegmentName, InvalidTapeName } from "../../domain/format/Names.ts"
import { InvalidStreamName } from "../../domain/format/Placement.ts"
import { WriterUnreachable } from "../../domain/format/WriterUnreachable.ts"
import { TaraSONError } from "../../domain/json/TaraSONError.ts"
import { StorageError } from "../../services/ports/Storage.ts"
import type { EventAppendError } from "../../services/streams/EventAppender.ts"

/** The classes of all errors of an append by their tags. The compiler refuses a table that lacks one. */
export const appendErrors = {
  BatchTooLarge,
  CheckpointLost,
  CheckpointNotIncreased,
  ClockOutOfRange,
  CommitOutcomeUnknown,
  ConditionFailed,
  DecompressionLimit,
  EventIdConflict,
  EventsLost,
  ForkDetected,
  IdentityMismatch,
  InvalidArgument,
  InvalidEvent,
  InvalidSegmentName,
  InvalidStreamName,
  InvalidTapeName,
  LibClosed,
  MetaCorrupt,
  MetaInvalid,
  NotInHistory,
  PositionGap,
  ReadOnly,
  SegmentCorrupt,
  SegmentMissing,
  StorageError,
  SubjectForgotten,
  TapeArchived,
  TapeExists,
  TapeInvalid,
  TapeNotForEvents,
  TapeNotFound,
  TaraSONError,
  UnsupportedFormat,
  WriterPoisoned,
  WriterUnreachable,
  WrongExpectedRevision
} satisfies { readonly [Tag in EventAppendError["_tag"]]: Shape.Shape<Extract<EventAppendError, { _tag: Tag }>> }

type AnyError = ErrorClass<EventAppendError, string, Shape.Fields>

const classes: ReadonlyMap<string, AnyError> = new Map(
  Object.entries(appendErrors as unknown as Readonly<Record<string, AnyError>>)
)

/** Marks a text that stands for a number which JSON lacks, or that begins with this mark itself. */
const mark = "\0"

const markedNumber = (value: number): unknown =>
  Number.isFinite(value) && !Object.is(value, -0) ? value : `${mark}${Object.is(value, -0) ? "-0" : value}`

/** Returns a copy in which every number has a form in JSON. */
const marked = (value: unknown): unknown => {
  if (typeof value === "number") return markedNumber(value)
  if (typeof value === "string") return value.startsWith(mark) ? `${mark}${value}` : value
  return mapped(value, marked)
}

const unmarked = (value: unknown): unknown => {
  if (typeof value !== "string" || !value.startsWith(mark)) return mapped(value, unmarked)
  return value[1] === mark ? value.slice(1) : Number(value.slice(1))
}

const mapped = (value: unknown, map: (value: unknown) => unknown): unknown => {
  if (Array.isArray(value)) return value.map(map)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, map(member)]))
}

/** Returns the JSON value of an error; `undefined` if it is not one of an append. */
export const errorToJson = (error: unknown): unknown => {
  if (!(error instanceof Error) || !("_tag" in error)) return undefined
  const known = classes.get(String(error._tag))
  if (known === undefined) return undefined
  const fields = Object.entries(error).filter(([name]) => Object.hasOwn(known.fields, name))
  return marked(Object.fromEntries(fields))
}

/** Returns the error of such a value; `undefined` if it is the value of no error. */
export const errorFromJson = (json: unknown): EventAppendError | undefined => {
  const given = unmarked(json)
  const tag = typeof given === "object" && given !== null && "_tag" in given ? given._tag : undefined
  const known = typeof tag === "string" ? classes.get(tag) : undefined
  if (known === undefined) return undefined
  const fields = reader(Shape.Struct(known.fields))(given)
  return Result.isFailure(fields) ? undefined : (new known(fields.success as never) as unknown as EventAppendError)
}
