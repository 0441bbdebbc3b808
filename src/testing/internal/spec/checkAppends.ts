/** Compares what was appended with what was expected. */
import * as Effect from "effect/Effect"
import { AssertionError, deepStrictEqual } from "node:assert"
import { isDeepStrictEqual } from "node:util"
import type { EventSchemaError } from "../../../domain/event/EventErrors.ts"
import { parseJson } from "../../../domain/json/strictDecode.ts"
import type { NewEvent, RecordedEvent } from "../../../services/EventStore.ts"
import { of as causedBy } from "../../../services/EventContext.ts"
import type { GivenEvents } from "../../GivenEvents.ts"
import type { CheckFailed } from "./CheckFailed.ts"
import { asserting } from "./firstFailure.ts"
import { marksOf } from "./SpecStore.ts"

/** Events of each stream. */
type Streams<Event> = { [stream: string]: Array<Event> }

type Compared = Partial<NewEvent>

/** Checks the appended events. `context` says in the message what had happened. */
export const checkAppends = (
  appended: ReadonlyArray<RecordedEvent>,
  given: ReadonlyArray<RecordedEvent>,
  expected: ReadonlyArray<GivenEvents>,
  context: string
): Effect.Effect<void, CheckFailed | EventSchemaError> =>
  Effect.gen(function* () {
    const wanted: Streams<NewEvent> = {}
    for (const one of expected) {
      const { events, stream } = one
      for (const event of Effect.isEffect(events) ? yield* events : events) {
        const metadata = { ...marksOf(one), ...event.metadata }
        ;(wanted[stream] ??= []).push(Object.keys(metadata).length === 0 ? event : { ...event, metadata })
      }
    }
    yield* asserting(() => {
      compare(appended, wanted, context)
      checkCauses(appended, given, wanted)
    })
  })

const compare = (appended: ReadonlyArray<RecordedEvent>, wanted: Streams<NewEvent>, context: string): void => {
  const found: Streams<Compared> = {}
  for (const event of appended) {
    const ofStream = (found[event.stream] ??= [])
    ofStream.push(foundOf(event, wanted[event.stream]?.[ofStream.length]))
  }
  const expected: Streams<Compared> = {}
  for (const [stream, events] of Object.entries(wanted)) {
    if (events.length > 0) expected[stream] = events.map(wantedOf)
  }
  if (context === "" || isDeepStrictEqual(found, expected)) return deepStrictEqual(found, expected)
  const message = `other events were appended than expected${context}: ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`
  throw new AssertionError({ message, actual: found, expected, operator: "deepStrictEqual" })
}

const wantedOf = ({ data = null, id, metadata, tags, type }: NewEvent): Compared => ({
  type,
  data: throughJson(data),
  ...(id === undefined ? {} : { id }),
  ...(tags === undefined ? {} : { tags }),
  ...(metadata === undefined ? {} : { metadata: throughJson(metadata) as NonNullable<NewEvent["metadata"]> })
})

/** Returns of an event what is compared: the fields that the expected one has. */
const foundOf = (event: RecordedEvent, expected: NewEvent | undefined): Compared => ({
  type: event.type,
  data: event.data,
  ...(expected?.id === undefined ? {} : { id: event.id }),
  ...(expected?.tags === undefined ? {} : { tags: event.tags }),
  ...(expected?.metadata === undefined ? {} : { metadata: picked(event.metadata, Object.keys(expected.metadata)) })
})

const picked = (from: { readonly [key: string]: unknown }, keys: ReadonlyArray<string>) =>
  Object.fromEntries(keys.filter((key) => Object.hasOwn(from, key)).map((key) => [key, from[key]]))

const throughJson = (value: unknown): unknown => parseJson(JSON.stringify(value))

/** Whether an expected event has metadata, besides the version that a category sets. */
const hasOwnMetadata = ({ metadata = {} }: Partial<NewEvent> = {}): boolean =>
  Object.keys(metadata).some((key) => key !== "schemaVersion")

/** Checks that appended events name what caused them, unless they are expected with metadata. */
const checkCauses = (
  appended: ReadonlyArray<RecordedEvent>,
  given: ReadonlyArray<RecordedEvent>,
  wanted: Streams<NewEvent>
): void => {
  const contexts = new Map([...given, ...appended].map((event) => [event.id, causedBy(event)]))
  const seen = new Map<string, number>()
  for (const { metadata, stream, type } of appended) {
    const index = seen.get(stream) ?? 0
    seen.set(stream, index + 1)
    if (hasOwnMetadata(wanted[stream]?.[index])) continue
    const { causationId, correlationId } = metadata
    const context = contexts.get(String(causationId))
    if (context !== undefined && context.correlationId === correlationId) continue
    const actual = { causationId, correlationId }
    const message = `${type} in stream ${stream} does not name the handled event as its cause: ${JSON.stringify(actual)}`
    throw new AssertionError({ message, actual, expected: [...contexts.values()] })
  }
}
