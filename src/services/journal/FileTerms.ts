/** The terms of the events of a dynamic segment, read back when a query first needs them. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { crc32 } from "node:zlib"
import type { SegmentCorrupt } from "../../domain/format/Errors.ts"
import type { LibState } from "../../domain/meta/LibState.ts"
import { EventTerms } from "../../domain/segment/terms.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import type { DynamicEvents } from "./DynamicEvents.ts"
import type { DynamicFile } from "./DynamicFile.ts"
import { corrupt, eventsOf } from "./FileEvents.ts"

/** The events of a file, whose terms are known. */
export type EventsWithTerms = DynamicEvents & { readonly terms: EventTerms }

/** Returns the events of a file with their terms. The file is read for that, once, however many queries wait for it. */
export const eventsWithTerms = (
  root: Root,
  state: Pick<LibState, "roles">,
  file: DynamicFile
): Effect.Effect<EventsWithTerms, StorageError | SegmentCorrupt> =>
  Effect.flatMap(eventsOf(root, state, file), (events) =>
    hasTerms(events) ? Effect.succeed(events) : lockOf(events).withPermit(readTerms(root, file, events))
  )

const locks = new WeakMap<DynamicEvents, Semaphore.Semaphore>()

const lockOf = (events: DynamicEvents): Semaphore.Semaphore => {
  const lock = locks.get(events) ?? Semaphore.makeUnsafe(1)
  locks.set(events, lock)
  return lock
}

const readTerms = Effect.fnUntraced(function* (
  root: Root,
  file: DynamicFile,
  events: DynamicEvents
): Effect.fn.Return<EventsWithTerms, StorageError | SegmentCorrupt> {
  const terms = new EventTerms()
  while (!hasTerms(events)) {
    // More may be appended meanwhile.
    if (terms.count === events.count) events.keepTerms(terms)
    else yield* Effect.andThen(addTerms(root, file, events, terms), Effect.yieldNow)
  }
  return events
})

const hasTerms = (events: DynamicEvents): events is EventsWithTerms => events.terms !== undefined

/** Number of bytes that are read at once. */
const termsBytes = 1024 * 1024

/** Adds the terms of the next rows. */
const addTerms = (
  root: Root,
  file: DynamicFile,
  events: DynamicEvents,
  terms: EventTerms
): Effect.Effect<void, StorageError | SegmentCorrupt> => {
  const { offset: from } = events.row(terms.count)
  const end = Math.max(terms.count + 1, events.rowAt(from + termsBytes))
  const last = events.row(end - 1)
  return Effect.flatMap(root.journal.read(file.dynamic, from, last.offset + last.length - from), (bytes) => {
    while (terms.count < end) {
      const { crc, length, offset } = events.row(terms.count)
      const start = offset - from
      const line = bytes.subarray(start, start + length)
      if (line.length !== length || crc32(line) !== crc) {
        return Effect.fail(corrupt(file, offset, "a committed event does not match its CRC-32"))
      }
      terms.add(bytes, start, start + length)
    }
    return Effect.void
  })
}
