/** Appends a batch of lines, and finds the line that a lib refuses. */
import * as Effect from "effect/Effect"
import { foreignSource } from "../../domain/interchange/cloudEvent.ts"
import { InvalidLine } from "../../domain/interchange/InterchangeErrors.ts"
import type { NewEvent } from "../../domain/event/Event.ts"
import type { ExpectedRevision } from "../../domain/event/EventErrors.ts"
import type { EventAppendError } from "../streams/EventAppender.ts"
import type { StreamReadError } from "../streams/StreamReader.ts"
import type { ImportTarget, LineEvent } from "./LinesReader.ts"

/** Errors that end an import: they are not about one event. */
export type AppendLinesError = Exclude<EventAppendError, AboutEvents> | StreamReadError

/** Errors about events of a batch. Smaller batches find which. */
type AboutEvents = Extract<EventAppendError, { readonly _tag: (typeof aboutEvents)[number] }>

const aboutEvents = [
  "BatchTooLarge",
  "EventIdConflict",
  "InvalidEvent",
  "InvalidStreamName",
  "TapeArchived",
  "TapeNotForEvents",
  "TaraSONError",
  "WrongExpectedRevision"
] as const

const isAboutEvents = (error: EventAppendError): error is AboutEvents =>
  (aboutEvents as ReadonlyArray<string>).includes(error._tag)

/**
 * Appends lines in their order as one batch. If that is refused, because of an event, because some of the events are there
 * already, or because an id comes twice, appends each half: so everything before a bad line is durable when `refuse` gets it. `count` receives numbers of
 * events that are durable now.
 */
export const appendLines = (
  target: ImportTarget,
  lines: ReadonlyArray<LineEvent>,
  checkRevisions: boolean,
  count: (repeated: boolean, events: number) => void,
  refuse: (line: InvalidLine) => Effect.Effect<void, InvalidLine>
): Effect.Effect<void, AppendLinesError | InvalidLine> => {
  const { appends, times } = entriesOf(lines, checkRevisions)
  const halves = (at: number) =>
    Effect.andThen(
      appendLines(target, lines.slice(0, at), checkRevisions, count, refuse),
      Effect.suspend(() => appendLines(target, lines.slice(at), checkRevisions, count, refuse))
    )
  return Effect.matchEffect(target.append(appends, times), {
    onFailure: (error): Effect.Effect<void, AppendLinesError | InvalidLine> => {
      if (!isAboutEvents(error)) return Effect.fail(error)
      if (lines.length > 1) return halves(lines.length >> 1)
      return refuse(new InvalidLine({ ...lines[0]!.place, why: whyRefused(error) }))
    },
    onSuccess: (results) => {
      const isRepeated = results[0]!.repeated
      if (!isRepeated || lines.every(({ event }) => foreignSource(event.metadata) === undefined)) {
        return Effect.sync(() => count(isRepeated, lines.length))
      }
      return Effect.forEach(lines, (line) => checkSource(target, line, count, refuse), { discard: true })
    }
  })
}

const whyRefused = (error: AboutEvents): string => {
  if (error._tag === "WrongExpectedRevision") {
    const { actual, expected } = error
    const will = actual === "no-stream" ? 0 : actual + 1
    const says = typeof expected === "number" ? expected + 1 : 0
    return `it says revision ${says}, but its stream would give it ${will}: events before it are missing, or others were appended`
  }
  return error.message
}

interface Entry {
  readonly stream: string
  readonly events: Array<NewEvent>
  readonly expected: ExpectedRevision
}

/** Neighbours of one stream and one time are an entry. */
const entriesOf = (lines: ReadonlyArray<LineEvent>, checkRevisions: boolean) => {
  const appends: Array<Entry> = []
  const times: Array<string | undefined> = []
  let revision: number | undefined
  for (const line of lines) {
    const { event, stream, time } = line
    const last = appends.at(-1)
    const follows = !checkRevisions || line.revision === (revision === undefined ? undefined : revision + 1)
    if (last?.stream === stream && times.at(-1) === time && follows) last.events.push(event)
    else {
      appends.push({ stream, events: [event], expected: checkRevisions ? expectedBefore(line.revision) : "any" })
      times.push(time)
    }
    revision = line.revision
  }
  return { appends, times }
}

const expectedBefore = (revision: number | undefined): ExpectedRevision => {
  if (revision === undefined) return "any"
  return revision === 0 ? "no-stream" : revision - 1
}

/**
 * Checks that an event which is there already is the same CloudEvent: ids of different producers may be equal, and such an event
 * must not be dropped as a repeat.
 */
const checkSource = (
  target: ImportTarget,
  { event, place, stream }: LineEvent,
  count: (repeated: boolean, events: number) => void,
  refuse: (line: InvalidLine) => Effect.Effect<void, InvalidLine>
): Effect.Effect<void, StreamReadError | InvalidLine> =>
  Effect.flatMap(target.find(stream, event.id), (found) => {
    const source = foreignSource(event.metadata)
    if (source === undefined || found === undefined || foreignSource(found.metadata) === source) {
      return Effect.sync(() => count(true, 1))
    }
    const why =
      "its stream has an event of another source with the same id; give it an id of its own with the option map"
    return refuse(new InvalidLine({ ...place, why }))
  })
