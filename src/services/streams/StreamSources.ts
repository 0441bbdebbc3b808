/**
 * Finds the events of one stream: runs of consecutive revisions in closed segments and dynamic segments. Uses indexes,
 * and does not parse events of other streams.
 */
import * as Effect from "effect/Effect"
import { SegmentCorrupt } from "../../domain/format/Errors.ts"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import { hash53, hashId } from "../../domain/base/Hash53.ts"
import * as SegmentIndex from "../../domain/segment/SegmentIndex.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { DynamicFile } from "../journal/DynamicFile.ts"
import { eventsOf } from "../journal/FileEvents.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { findId, findStream } from "./StreamLookup.ts"
import { retryVanished } from "../read/retryVanished.ts"
import { readFromDynamic, readFromSegment } from "./EventLines.ts"

/** A run of consecutive revisions of one stream, in one file. */
export interface Source {
  readonly firstRevision: number
  readonly count: number
  /** Reads the events `from` to `from + count - 1`, counted within the run. */
  readonly read: (from: number, count: number) => Effect.Effect<Array<RecordedEvent>, SegmentError>
}

/** Returns the events of a run that are read first, counted within the run. */
export type Wanted = (firstRevision: number, count: number) => { readonly from: number; readonly count: number }

/** A file that may hold a run of the stream. */
export type StreamFile = { readonly segment: Segment } | { readonly file: DynamicFile }

/**
 * Returns all files that may hold events of a tape, in order: segments, then dynamic segments. A view of one moment.
 */
export const filesOf = (lib: LibHandle, tape: OpenTape): Array<StreamFile> => {
  const { lastBatch } = tape.state
  return [
    ...tape.state.segments.map((segment) => ({ segment })),
    // Skips a file whose batches are all in segments.
    ...lib.journal.files
      .filter((file) => file.parts.has(tape.id) && file.parts.get(tape.id)!.at(-1)!.batch > lastBatch)
      .map((file) => ({ file }))
  ]
}

/**
 * Returns the run of `stream` in one file, or `undefined` if the file has no events of it. With `wanted`, may read the
 * events that are wanted first in the same read that it needs anyway.
 */
export const sourceAt = (
  lib: LibHandle,
  tape: OpenTape,
  place: StreamFile,
  stream: string,
  wanted?: Wanted
): Effect.Effect<Source | undefined, SegmentError> =>
  "file" in place ? inDynamic(lib, tape, place.file, stream) : inSegment(lib, tape, place.segment, stream, wanted)

const inDynamic = (
  lib: LibHandle,
  tape: OpenTape,
  file: DynamicFile,
  stream: string
): Effect.Effect<Source | undefined, SegmentError> =>
  Effect.map(eventsOf(lib.root, lib.meta.state, file), (events) => {
    const known = events.stream(stream)
    if (known === undefined) return undefined
    return {
      ...known,
      read: (from, count) => readFromDynamic(lib, tape.name, file, events.rowsOf(stream, from, count))
    }
  })

const inSegment = (
  lib: LibHandle,
  tape: OpenTape,
  segment: Segment,
  stream: string,
  wanted: Wanted | undefined
): Effect.Effect<Source | undefined, SegmentError> =>
  Effect.flatMap(findStream(lib, tape.name, segment, hash53(stream)), (rows) =>
    firstMatching({ lib, tape, segment }, rows, stream, wanted)
  )

interface Within {
  readonly lib: LibHandle
  readonly tape: OpenTape
  readonly segment: Segment
}

/** `read` are events of the run that were read already, from its event `from`. They are returned once. */
const sourceOf = (
  { lib, tape, segment }: Within,
  row: SegmentIndex.StreamRow,
  from: number,
  read: Array<RecordedEvent>
): Source => {
  let kept: Array<RecordedEvent> | undefined = read
  return {
    firstRevision: row.firstRevision,
    count: row.count,
    read: (first, count) => {
      const known = kept
      kept = undefined
      return known !== undefined && first === from && count === known.length
        ? Effect.succeed(known)
        : readEntries(lib, tape, segment, row.firstEntry + first, count)
    }
  }
}

const readEntries = (
  lib: LibHandle,
  tape: OpenTape,
  segment: Segment,
  first: number,
  count: number
): Effect.Effect<Array<RecordedEvent>, SegmentError> =>
  Effect.flatMap(
    lib.segments.lookup(tape.name, "events", segment, (header) => SegmentIndex.readEntries(header, first, count)),
    (entries) => readFromSegment(lib, tape.name, segment, entries)
  )

/** Returns the first row whose last event is of this stream. Rows are found by a hash, which proves nothing. */
const firstMatching = (
  within: Within,
  rows: ReadonlyArray<SegmentIndex.StreamRow>,
  stream: string,
  wanted: Wanted | undefined
): Effect.Effect<Source | undefined, SegmentError> => {
  const [row, ...others] = rows
  if (row === undefined) return Effect.succeed(undefined)
  const { lib, tape, segment } = within
  const { from, count } = upToLast(row, wanted)
  return Effect.flatMap(
    readEntries(lib, tape, segment, row.firstEntry + from, count),
    (events): Effect.Effect<Source | undefined, SegmentError> => {
      const last = events.at(-1)
      if (last?.stream !== stream) return firstMatching(within, others, stream, wanted)
      // The next append continues at this revision.
      if (last.revision === row.firstRevision + row.count - 1) {
        return Effect.succeed(sourceOf(within, row, from, events))
      }
      const why = "its index and its events have different revisions"
      return Effect.fail(new SegmentCorrupt({ tape: tape.name, segment: segment.name, offset: 0, why }))
    }
  )
}

/** Returns the wanted range if it reaches the run's last event, else that event alone. */
const upToLast = ({ firstRevision, count }: SegmentIndex.StreamRow, wanted: Wanted | undefined) => {
  const ahead = wanted?.(firstRevision, count)
  return ahead !== undefined && ahead.count > 0 && ahead.from + ahead.count === count
    ? ahead
    : { from: count - 1, count: 1 }
}

/** Returns the event with this id in this stream, or `undefined`. Searches the whole stream. */
export const findById = (
  lib: LibHandle,
  tape: OpenTape,
  stream: string,
  id: string
): Effect.Effect<RecordedEvent | undefined, SegmentError> =>
  Effect.suspend(() =>
    retryVanished(lib, tape, tape.layout, lookFor(lib, tape, stream, id), () => findById(lib, tape, stream, id))
  )

const lookFor = Effect.fnUntraced(function* (
  lib: LibHandle,
  tape: OpenTape,
  stream: string,
  id: string
): Effect.fn.Return<RecordedEvent | undefined, SegmentError> {
  for (const place of filesOf(lib, tape).toReversed()) {
    const candidates =
      "file" in place
        ? idsInDynamic(lib, tape, place.file, stream, id)
        : idsInSegment(lib, tape, place.segment, stream, id)
    for (const event of yield* candidates) if (event.stream === stream && event.id === id) return event
  }
  return undefined
})

const idsInDynamic = (
  lib: LibHandle,
  tape: OpenTape,
  file: DynamicFile,
  stream: string,
  id: string
): Effect.Effect<Array<RecordedEvent>, SegmentError> =>
  Effect.flatMap(eventsOf(lib.root, lib.meta.state, file), (events) => {
    const rows = events.findId(stream, id)
    return rows.length === 0
      ? Effect.succeed([])
      : readFromDynamic(
          lib,
          tape.name,
          file,
          rows.map((row) => events.row(row))
        )
  })

const idsInSegment = (
  lib: LibHandle,
  tape: OpenTape,
  segment: Segment,
  stream: string,
  id: string
): Effect.Effect<Array<RecordedEvent>, SegmentError> => {
  return Effect.flatMap(findId(lib, tape.name, segment, hash53(stream), hashId(stream, id)), (entries) =>
    Effect.map(
      Effect.forEach(entries, (entry) => readEntries(lib, tape, segment, entry, 1)),
      (found) => found.flat()
    )
  )
}
