/** Scheduled events as callers give them and as streams hold them. Each has a stream of its own. */
import type { NewEvent, RecordedEvent } from "../../domain/event/Event.ts"
import { encode } from "../../domain/event/Event.ts"
import { commandEventId } from "../../domain/event/commandIds.ts"
import { timeMillisMax } from "../../domain/base/storableTime.ts"
import {
  anObject,
  anything,
  type Checks,
  isCount,
  shown,
  unless,
  wrongOptions
} from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import { defaultLimits } from "../../domain/format/Limits.ts"
import { category, checkStreamName } from "../../domain/format/Placement.ts"
import type { StreamAppend } from "../streams/StreamAppend.ts"

/** An event that is to be appended later. */
export interface Scheduled {
  /**
   * Names it, such as `payment-17`. An id is used once: to schedule the same again changes nothing, also after its delivery
   * or cancellation; anything else under the same id fails with `EventIdConflict`.
   */
  readonly id: string
  /**
   * When to append the event: a `Date`, or milliseconds since 1970. Derive it from the time of the event that you answer, not
   * from the clock, so that a retry schedules the same.
   */
  readonly deliverAt: Date | number
  /** Stream that gets the event. */
  readonly stream: string
  /** The event. Without an id of its own it gets one that is derived from the id of the schedule. */
  readonly event: NewEvent
}

/** Types of the events in the stream of a scheduled event: the one that schedules it, and those that settle it. */
export const types = {
  scheduled: "EventScheduled",
  delivered: "ScheduledEventDelivered",
  cancelled: "ScheduledEventCancelled",
  failed: "ScheduledEventFailed"
} as const

export const allTypes: ReadonlyArray<string> = Object.values(types)

/** Returns the stream of a scheduled event. */
export const streamOf = (name: string, id: string): string => `${name}-${id}`

/** Returns the id of a scheduled event from the name of its stream. */
export const idOf = (name: string, stream: string): string => stream.slice(name.length + 1)

/** Whether a name can be the category of scheduled events, and part of the name of their checkpoint. */
export const isScheduleName = (value: unknown): boolean =>
  typeof value === "string" && /^[a-z0-9][a-z0-9_]{0,47}$/.test(value)

/** Returns the time in milliseconds since 1970; `undefined` for what is not a time that a lib can hold. */
const millisOf = (deliverAt: unknown): number | undefined => {
  const millis = deliverAt instanceof Date ? deliverAt.getTime() : deliverAt
  return isCount(millis) && millis <= timeMillisMax ? millis : undefined
}

const checks = {
  id: unless((value) => typeof value === "string" && value !== "", "a text that is not empty"),
  deliverAt: unless(
    (value) => millisOf(value) !== undefined,
    "a Date, or milliseconds since 1970, of the years 1970 to 9999"
  ),
  stream: anything,
  event: anObject
} satisfies Checks<Scheduled>

/**
 * Returns the append that schedules an event.
 *
 * @throws InvalidArgument | InvalidStreamName | InvalidEvent | TaraSONError for what could not be delivered
 */
export const scheduling = (call: string, name: string, given: Scheduled): StreamAppend => {
  const refuse = (argument: string, why: string) => new InvalidArgument({ call, argument, why })
  const wrong = given === undefined ? refuse("scheduled", "is missing") : wrongOptions(call, given, checks, "scheduled")
  if (wrong !== undefined) throw wrong
  for (const key of ["id", "deliverAt", "stream", "event"] as const) {
    if (given[key] === undefined) throw refuse(`scheduled.${key}`, "is missing")
  }
  const { deliverAt, event, id, stream } = given
  checkStreamName(stream)
  if (category(stream) === name) {
    throw refuse(
      "scheduled.stream",
      `must not be of category ${shown(name)}, which has the scheduled events themselves`
    )
  }
  // A mistake must show now, not when the event is due.
  encode(stream, event, 0, () => "id", new Date(0).toISOString(), defaultLimits)
  const own = checkStreamName(streamOf(name, id))
  const { data = null, id: eventId, metadata, tags, type } = event
  const kept = {
    type,
    data,
    ...(eventId === undefined ? {} : { id: eventId }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(tags === undefined ? {} : { tags })
  }
  const scheduled: NewEvent = {
    type: types.scheduled,
    id: commandEventId(own, types.scheduled, 0),
    data: { deliverAt: new Date(millisOf(deliverAt)!).toISOString(), stream, event: kept }
  }
  return { stream: own, events: [scheduled] }
}

/** Returns the append that cancels a scheduled event, unless it is settled. */
export const cancelling = (name: string, id: string): StreamAppend => {
  const stream = streamOf(name, id)
  const event: NewEvent = { type: types.cancelled, id: commandEventId(stream, types.cancelled, 0), data: {} }
  return { stream, events: [event], expected: 0 }
}

/** Returns the append that settles a scheduled event: it is there once, whoever else tries. */
export const settling = (name: string, id: string, type: "delivered" | "failed", data: object): StreamAppend => ({
  stream: streamOf(name, id),
  events: [{ type: types[type], data }],
  expected: 0
})

/** Returns when an event is due, in milliseconds since 1970; `undefined` if it schedules nothing. */
export const dueOf = ({ data, revision, type }: RecordedEvent): number | undefined => {
  if (type !== types.scheduled || revision !== 0) return undefined
  const deliverAt: unknown = Object(data)["deliverAt"]
  const millis = typeof deliverAt === "string" ? Date.parse(deliverAt) : Number.NaN
  return isCount(millis) ? millis : undefined
}

/** Returns what a scheduled event delivers: the event, with its id, and the stream that gets it. */
export const deliveryOf = ({
  data,
  stream: own
}: RecordedEvent): { readonly stream: string; readonly event: NewEvent } => {
  // Anybody can append to this stream. The append of the delivery refuses what is not an event.
  const { event, stream } = Object(data) as Scheduled
  const id: unknown = Object(event)["id"]
  return { stream, event: { ...event, id: typeof id === "string" ? id : commandEventId(stream, own, 0) } }
}
