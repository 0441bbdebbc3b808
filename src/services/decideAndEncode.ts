/** What a decider decides, and what is appended of it. */
import * as Effect from "effect/Effect"
import { EventSchemaError } from "../domain/event/EventErrors.ts"
import { PlacedData } from "../domain/event/PlacedData.ts"
import type { StorageError } from "./ports/Storage.ts"
import { isArray } from "../domain/base/isArray.ts"
import { elementOf, shown } from "../domain/format/checkOptions.ts"
import { InvalidArgument } from "../domain/format/Errors.ts"
import { parseJson } from "../domain/json/strictDecode.ts"
import type { AnyDecider } from "./AggregateStates.ts"
import { atPlace } from "./category/eventPlace.ts"
import { deciding } from "./deciders/StreamTurns.ts"
import type { NewEvent, RecordedEvent } from "./EventStore.ts"

/** Decides on a command. Fails with what rejects it. */
export const decide = (
  { options }: AnyDecider,
  command: unknown,
  state: unknown
): Effect.Effect<ReadonlyArray<unknown>, unknown> =>
  Effect.suspend(() => {
    const decision = options.decide(command, state)
    // An error of Effect is an effect, too.
    if (decision instanceof Error || !Effect.isEffect(decision)) return listOf(decision)
    return Effect.flatMap(deciding(decision as Effect.Effect<unknown, unknown>), listOf)
  })

const listOf = (decision: unknown): Effect.Effect<ReadonlyArray<unknown>, unknown> => {
  if (decision instanceof Error) return Effect.fail(decision)
  if (decision === undefined) return nothing
  const why = whyNoDecision(decision)
  if (why === undefined) return Effect.succeed(isArray(decision) ? decision : [decision])
  // A mistake in the decider, as if it had thrown.
  return Effect.die(new InvalidArgument({ call: "Decider.make", argument: "options.decide", why }))
}

const whyNoDecision = (decision: unknown): string | undefined => {
  if (decision === null) return "returned null: return undefined or [] for no events"
  if (typeof decision !== "object") return `returned ${shown(decision)}: return events, one event or nothing`
  return isThenable(decision) ? "returned a Promise: return an Effect, not a Promise" : undefined
}

const isThenable = (value: object): boolean => {
  try {
    return "then" in value && typeof value.then === "function"
  } catch {
    return false
  }
}

const nothing = Effect.succeed([])

/** Events as they are appended, and as a read will return them. */
export interface ToAppend {
  readonly events: ReadonlyArray<NewEvent>
  readonly stored: ReadonlyArray<{ readonly type: string; readonly data: unknown }>
}

/** What the events of a command share. */
export interface Shared {
  readonly context: object | undefined
  readonly metadata?: unknown
  readonly tags?: ReadonlyArray<string>
  readonly correlationId?: string
  readonly causationId?: string
}

/** Encodes decided events, and decodes what is stored of them. */
export const encodeDecided = (
  { category }: AnyDecider,
  stream: string,
  decided: ReadonlyArray<unknown>,
  shared: Shared
): Effect.Effect<ToAppend, EventSchemaError | StorageError> =>
  Effect.gen(function* () {
    const events: Array<NewEvent> = []
    const stored: Array<ToAppend["stored"][number]> = []
    const metadata = metadataOf(shared)
    for (let index = 0; index < decided.length; index++) {
      const given: unknown = elementOf(decided, index)
      const encoded = category.encode(withShared(given, metadata, shared.tags))
      const decoded = Effect.flatMap(encoded, (event) => {
        events.push(event)
        return category.decode(asRead(stream, event))
      })
      const { data, type } = yield* Effect.mapError(decoded, (error) =>
        error instanceof EventSchemaError ? atPlace(error, { stream, index }) : error
      )
      stored.push({ type, data })
    }
    return { events, stored }
  })

/** Returns the metadata that all events get; `undefined` for none. */
const metadataOf = ({ causationId, context, correlationId, metadata }: Shared): object | undefined =>
  context === undefined && metadata === undefined && causationId === undefined && correlationId === undefined
    ? undefined
    : {
        ...context,
        ...(correlationId === undefined ? {} : { correlationId }),
        ...(causationId === undefined ? {} : { causationId }),
        ...(metadata as object | undefined)
      }

const withShared = (event: unknown, shared: object | undefined, tags: ReadonlyArray<string> | undefined): unknown => {
  if ((shared === undefined && tags === undefined) || !isObject(event)) return event
  try {
    const given = event as NewEvent
    const { metadata = {} } = given
    return {
      ...given,
      ...(shared === undefined || !isObject(metadata) ? {} : { metadata: { ...shared, ...metadata } }),
      ...(tags === undefined ? {} : { tags: [...new Set([...tags, ...(given.tags ?? [])])] })
    }
  } catch {
    // The category says what is wrong with it.
    return event
  }
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** Returns an event as it will be read. Its place is not known yet, and nothing looks at it. */
const asRead = (stream: string, { data, metadata = {}, tags = [], type }: NewEvent): RecordedEvent => ({
  type,
  // Its fields are encrypted later.
  data: throughJson(PlacedData.is(data) ? data.plain : data) as RecordedEvent["data"],
  id: "",
  metadata: throughJson(metadata) as RecordedEvent["metadata"],
  tags,
  stream,
  revision: 0,
  position: 0,
  time: ""
})

/** Returns what remains of a value that is stored as JSON, such as 0 of −0. What JSON cannot express is refused by the append. */
const throughJson = (value: unknown): unknown => {
  try {
    return parseJson(JSON.stringify(value))
  } catch {
    return value
  }
}
