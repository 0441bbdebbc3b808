/** Finds the events of dynamic segments that may match a filter, if it pays to know the terms of all of their events. */
import * as Effect from "effect/Effect"
import { firstNotBefore } from "../../domain/base/binarySearch.ts"
import type { Matches, QueryTerms } from "../../domain/segment/termMatches.ts"
import { matchesAmong, within } from "../../domain/segment/termMatches.ts"
import type { DynamicEvents } from "../journal/DynamicEvents.ts"
import type { DynamicFile, LivePart } from "../journal/DynamicFile.ts"
import { eventsWithTerms } from "../journal/FileTerms.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"

/** Events of a tape that are in one dynamic segment and in no segment yet. */
export interface LiveEvents {
  readonly file: DynamicFile
  /** In the order of the file. Not empty. */
  readonly parts: ReadonlyArray<LivePart>
}

/** Decides for one read of any number of tapes, once for each dynamic segment, whether to look terms up. */
export class TermChoices {
  readonly #chosen = new Map<DynamicFile, boolean>()
  readonly #from: number

  /** All events before position `from` are of no interest. */
  constructor(from: number) {
    this.#from = from
  }

  /**
   * Whether to look terms up. Their first use reads the whole file, so a read of its last events, such as a subscription
   * makes with each batch, only looks at these, until such reads have cost as much.
   */
  areWanted(file: DynamicFile): boolean {
    if (file.events?.terms !== undefined) return true
    let chosen = this.#chosen.get(file)
    if (chosen === undefined) {
      let first = file.size
      for (const parts of file.parts.values()) first = Math.min(first, partsFrom(parts, this.#from)[0]?.offset ?? first)
      chosen = file.noteScanned(file.size - first)
      this.#chosen.set(file, chosen)
    }
    return chosen
  }

  /** Groups the parts with events from position `from` on by their files. */
  filesOf(all: ReadonlyArray<LivePart>, from: number) {
    const files: Array<{ live: { file: DynamicFile; parts: Array<LivePart> }; first: number; end: number }> = []
    for (const part of partsFrom(all, from)) {
      const last = files.at(-1)
      const end = part.firstOrdinal + part.count
      if (last?.live.file === part.file) {
        last.live.parts.push(part)
        last.end = end
      } else files.push({ live: { file: part.file, parts: [part] }, first: part.firstOrdinal, end })
    }
    return files
  }
}

const partsFrom = (parts: ReadonlyArray<LivePart>, position: number): ReadonlyArray<LivePart> =>
  parts.slice(firstNotBefore(parts.length, (index) => parts[index]!.endPosition <= position))

/** Returns the events that may match, by row; `undefined` if it does not pay to know them. */
export const matchesInFile = (
  lib: LibHandle,
  choices: TermChoices,
  { file, parts }: LiveEvents,
  terms: QueryTerms,
  from: number,
  to: number
): Effect.Effect<Matches | undefined, SegmentError> => {
  if (!choices.areWanted(file)) return Effect.succeed(undefined)
  return Effect.map(eventsWithTerms(lib.root, lib.meta.state, file), (events) =>
    within(
      matchesAmong(events.terms, terms, (rows) => ownOf(events, parts, rows)),
      from,
      to
    )
  )
}

/**
 * Returns those rows that are in these parts: the file may hold events of other tapes, and events that are in a segment
 * already. Those of one tape are by position.
 */
const ownOf = (events: DynamicEvents, parts: ReadonlyArray<LivePart>, rows: ReadonlyArray<number>): Matches => {
  const positions: Array<number> = []
  const places: Array<number> = []
  let part = 0
  for (const row of rows) {
    const offset = events.offsetAt(row)
    if (endOf(parts[part]!) <= offset) {
      const before = part + 1
      part = before + firstNotBefore(parts.length - before, (at) => endOf(parts[before + at]!) <= offset)
    }
    if (part === parts.length) break
    if (offset < parts[part]!.offset) continue
    positions.push(events.positionAt(row))
    places.push(row)
  }
  return { positions, places }
}

const endOf = ({ bytes, offset }: LivePart): number => offset + bytes
