/** The events of a dynamic segment: known for files of this writer, read back for files of an earlier one. */
import * as Effect from "effect/Effect"
import { crc32 } from "node:zlib"
import { SegmentCorrupt } from "../../domain/format/Errors.ts"
import { forEachLine } from "../../domain/format/lines.ts"
import { BadLine } from "../../domain/json/BadLine.ts"
import type { LibState } from "../../domain/meta/LibState.ts"
import { dynamicName } from "../../domain/format/Names.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import { DynamicEvents } from "./DynamicEvents.ts"
import type { DynamicFile, LivePart } from "./DynamicFile.ts"
import { keyOfEvent } from "../../domain/event/eventKeys.ts"
import { decodeUntrusted } from "../base/decodeUntrusted.ts"
import { readRun, runsOf } from "./PartRuns.ts"

/** Returns the events of a file. A file of an earlier writer is read for that, once. */
export const eventsOf = (
  root: Root,
  state: Pick<LibState, "roles">,
  file: DynamicFile
): Effect.Effect<DynamicEvents, StorageError | SegmentCorrupt> =>
  Effect.suspend(() => (file.events === undefined ? readBack(root, state, file) : Effect.succeed(file.events)))

const readBack = Effect.fnUntraced(function* (
  root: Root,
  state: Pick<LibState, "roles">,
  file: DynamicFile
): Effect.fn.Return<DynamicEvents, StorageError | SegmentCorrupt> {
  const events = new DynamicEvents()
  // A reader that follows the writer may see more of the file meanwhile.
  for (let done = 0, parts = eventPartsOf(state, file); done < parts.length; parts = eventPartsOf(state, file)) {
    for (const run of runsOf(parts.slice(done), 1024 * 1024)) {
      const lines = yield* readRun(root, dynamicName(file.dynamic), run)
      for (const [index, { offset }] of run.entries()) {
        yield* decodeUntrusted(
          () => addEvents(events, lines[index]!, offset),
          (why) => corrupt(file, offset, why)
        )
      }
      yield* Effect.yieldNow
    }
    done = parts.length
  }
  return file.keepEvents(events)
})

/** Returns the events of a file that will have these bytes, before it is written. */
export const eventsIn = (
  state: Pick<LibState, "roles">,
  file: DynamicFile,
  bytes: Uint8Array
): Effect.Effect<DynamicEvents, SegmentCorrupt> => {
  const events = new DynamicEvents()
  const add = ({ offset, bytes: length }: LivePart) =>
    decodeUntrusted(
      () => addEvents(events, bytes.subarray(offset, offset + length), offset),
      (why) => corrupt(file, offset, why)
    )
  return Effect.as(Effect.forEach(eventPartsOf(state, file), add, { discard: true }), events)
}

/**
 * Adds the events of parts that follow in a file whose events are known; does nothing if they are not known. `bytes` are
 * those of the file from `from` on. Returns whether all of them are events that follow.
 */
export const addEventsOf = (
  file: DynamicFile,
  parts: ReadonlyArray<LivePart>,
  bytes: Uint8Array,
  from: number
): boolean => {
  const { events } = file
  if (events === undefined) return true
  try {
    for (const { bytes: length, offset } of parts.toSorted((a, b) => a.offset - b.offset)) {
      addEvents(events, bytes.subarray(offset - from, offset - from + length), offset)
    }
    return true
  } catch {
    return false
  }
}

const eventPartsOf = ({ roles }: Pick<LibState, "roles">, file: DynamicFile): Array<LivePart> =>
  [...file.parts]
    .filter(([tape]) => roles.get(tape) === "events")
    .flatMap(([, parts]) => parts)
    .toSorted((a, b) => a.offset - b.offset)

export const corrupt = ({ dynamic }: DynamicFile, offset: number, why: string) =>
  new SegmentCorrupt({ tape: dynamicName(dynamic), segment: dynamicName(dynamic), offset, why })

/** @throws BadLine | TaraSONError */
const addEvents = (events: DynamicEvents, lines: Uint8Array, offset: number): void => {
  forEachLine(lines, (start, end) => {
    const line = lines.subarray(start, end)
    const key = keyOfEvent(line)
    const last = events.lastRevision(key.stream)
    if (last !== undefined && key.revision !== last + 1)
      throw new BadLine("the revisions of a stream are not consecutive")
    events.add({ ...key, offset: offset + start, length: end - start, crc: crc32(line) })
    events.addTerms(lines, start, end)
  })
}
