/**
 * Requests to append, as they are sent to the process of the writer. The sender has checked the call and encoded its
 * events, and has given each event its id. So a request can be sent again, to the same writer or to the next one.
 */
import { Boundary } from "../../domain/event/Boundary.ts"
import type { EncodedEvent, NewEvent } from "../../domain/event/Event.ts"
import type { Query } from "../../domain/event/Query.ts"
import { isCount } from "../../domain/format/checkOptions.ts"
import { parseTrusted } from "../../domain/json/TaraSON.ts"
import type { PlannedCall } from "../../services/streams/AppendRequest.ts"
import type { AppendCondition } from "../../services/streams/Conditions.ts"
import type { OfCall } from "../../services/streams/CallEncoder.ts"
import type { AppendCheckpoint } from "../../services/streams/GivenCheckpoint.ts"
import type { PlannedAppend } from "../../services/streams/PlannedAppend.ts"
import type { StreamAppend } from "../../services/streams/StreamAppend.ts"

/** A request as the writer's process understands it. */
export interface AppendCall {
  /** Number of the request among those of its sender. */
  readonly number: number
  /** Whether it is a call of `append`, not of `appendAll`. */
  readonly isOne: boolean
  readonly appends: ReadonlyArray<StreamAppend>
  readonly ofCall: OfCall
  /** Ids of the events that the sender sends for the first time, and which it named itself, in order. */
  readonly newIds: ReadonlyArray<string>
}

/** A request that its sender keeps until it is answered. */
export interface OpenRequest {
  /** Its text without number. */
  readonly body: string
  readonly streams: ReadonlyArray<string>
  /** Whether the sender has made all ids itself, so that only a request that is sent again can be a repeat. */
  readonly isNew: boolean
  /** Whether nothing but a checkpoint is to be appended. */
  readonly isCheckpoint: boolean
}

/** Returns the request for a call that was planned. */
export const requestOf = (isOne: boolean, planned: PlannedCall, commandId: string | undefined): OpenRequest => {
  const { conditions, entries, given } = planned
  const conditionsAt = new Map(conditions?.given.map((one) => [one.at, one]))
  const conditionAt = (at: number): string => {
    const one = conditionsAt.get(at)
    if (one === undefined) return ""
    return `,"condition":${JSON.stringify({ query: one.query, after: one.boundary ?? "nothing" })}`
  }
  const command = commandId === undefined ? "" : `,"commandId":${JSON.stringify(commandId)}`
  const checkpoint = given === undefined ? "" : `,"checkpoint":${JSON.stringify(given.given)}`
  const appends = entries.map((entry, at) => `${entryOf(entry)}${conditionAt(at)}}`)
  return {
    body: `"isOne":${isOne},"appends":[${appends.join()}]${command}${conditionAt(-1)}${checkpoint}}`,
    streams: entries.map(({ stream }) => stream),
    isNew: commandId === undefined && entries.every(({ given }) => given.size === 0),
    isCheckpoint: given !== undefined && entries.every(({ events }) => events.length === 0)
  }
}

/** An event is a pair: whether its id was given by the caller, and the event. */
const entryOf = ({ events, expected, stream }: PlannedAppend): string =>
  `{"stream":${JSON.stringify(stream)},"expected":${JSON.stringify(expected)},"events":[${events
    .map((event) => `[${event.isNamed},${lineOf(event)}]`)
    .join()}]`

/** Returns the line of an event. Its position and revision are not known yet. */
const lineOf = (event: EncodedEvent): string => {
  const bytes = Buffer.allocUnsafe(event.bytesMax)
  return bytes.toString("utf8", 0, event.writeTo(bytes, 0, 0, 0))
}

/** Returns the text of a request. `isAgain`: it was sent before, so its events may be known already. */
export const textOf = (number: number, isAgain: boolean, { body }: OpenRequest): string =>
  `{"number":${number},"isAgain":${isAgain},${body}`

/** Thrown for a text that is not a request. */
class NotARequest extends Error {}

type Fields = Readonly<Record<string, unknown>>

/** Returns the call of a request; `undefined` if the text is not one. The appender checks the values in it. */
export const readRequest = (text: string): AppendCall | undefined => {
  try {
    const { number, isAgain, isOne, appends, commandId, condition, checkpoint } = fieldsOf(parseTrusted(text))
    if (!isCount(number) || typeof isAgain !== "boolean" || typeof isOne !== "boolean") return undefined
    const ids: Array<string> = []
    const read = arrayOf(appends).map((append) =>
      appendOf(append, { isAgain, hasCommand: commandId !== undefined, ids })
    )
    if (isOne && read.length !== 1) return undefined
    return {
      number,
      isOne,
      appends: read,
      newIds: ids,
      ofCall: {
        commandId: commandId as string | undefined,
        marks: undefined,
        ...(condition === undefined ? {} : { condition: conditionOf(condition) }),
        ...(checkpoint === undefined ? {} : { checkpoint: checkpoint as AppendCheckpoint })
      }
    }
  } catch {
    return undefined
  }
}

interface Reading {
  readonly isAgain: boolean
  readonly hasCommand: boolean
  /** Ids of the events whose ids are new, in order. */
  readonly ids: Array<string>
}

const appendOf = (append: unknown, reading: Reading): StreamAppend => {
  const { stream, expected, events, condition } = fieldsOf(append)
  return {
    stream: stream as string,
    expected: expected as NonNullable<StreamAppend["expected"]>,
    events: arrayOf(events).map((event) => eventOf(event, reading)),
    ...(condition === undefined ? {} : { condition: conditionOf(condition) })
  }
}

/**
 * An id that the sender has made is in no lib when it is sent first. It is given as a new one then, so that nothing has to
 * be looked up. A command gives its events their ids itself.
 */
const eventOf = (pair: unknown, { hasCommand, ids, isAgain }: Reading): NewEvent => {
  const [isNamed, event] = arrayOf(pair)
  // The writer itself knows the stream, and decides about time, revision and position.
  const { $type: type, data, id, metadata, tags } = fieldsOf(event)
  if (typeof id !== "string") throw new NotARequest()
  const fields = { type, data, metadata, tags } as NewEvent
  if (hasCommand) return fields
  if (isAgain || isNamed === true) return { ...fields, id }
  ids.push(id)
  return fields
}

const conditionOf = (condition: unknown): AppendCondition => {
  const { after, query } = fieldsOf(condition)
  return { failIfEventsMatch: query as Query, after: after === "nothing" ? after : Boundary.decode(after as string) }
}

const fieldsOf = (value: unknown): Fields => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new NotARequest()
  return value as Fields
}

const arrayOf = (value: unknown): ReadonlyArray<unknown> => {
  if (!Array.isArray(value)) throw new NotARequest()
  return value
}
