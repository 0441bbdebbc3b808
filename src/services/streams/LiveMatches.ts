/** Finds the events of dynamic segments that may match a filter, if it pays to know the terms of all of their events. */
import * as Effect from "effect/Effect"
import { firstNotBefore } from "../../domain/base/binarySearch.ts"
import { type Matches, mostRows, type QueryTerms, rowsAmong, within } from "../../domain/segment/termMatches.ts"
import type { DynamicEvents } from "../journal/DynamicEvents.ts"
import type { DynamicFile, LivePart } from "../journal/DynamicFile.ts"
import { type EventsWithTerms, eventsWithTerms } from "../journal/FileTerms.ts"
import type { LibHandle } from "../lib/LibHandle.ts"

/** Events of a tape that are in one dynamic segment and in no segment yet. */
export interface LiveEvents {
  readonly file: DynamicFile
  /** In the order of the file. Not empty. */
  readonly parts: ReadonlyArray<LivePart>
}

/** The first, or backward the last, of these events that were looked up together. */
export interface LookedUp {
  /** Number of parts that were looked at. */
  readonly parts: number
  /** Those that may match, by row. */
  readonly matches: Matches
}

/** What one read looks for. */
interface Wanted {
  readonly terms: QueryTerms
  readonly from: number
  readonly to: number
  readonly backward: boolean
}

/** What the cursors of one read share, one for each tape: each dynamic segment is looked at once for all of them. */
export class LiveMatches {
  readonly #wanted: Wanted
  readonly #chosen = new Map<DynamicFile, boolean>()
  readonly #rows = new Map<DynamicFile, MatchingRows>()

  constructor(wanted: Wanted) {
    this.#wanted = wanted
  }

  /** Groups the parts with events from position `from` on by their files. */
  filesOf(all: ReadonlyArray<LivePart>, from: number) {
    const files: Array<{ live: { file: DynamicFile; parts: Array<LivePart> }; first: number; end: number }> = []
    for (let at = firstPart(all, from); at < all.length; at++) {
      const part = all[at]!
      const last = files.at(-1)
      const end = part.firstOrdinal + part.count
      if (last?.live.file === part.file) {
        last.live.parts.push(part)
        last.end = end
      } else files.push({ live: { file: part.file, parts: [part] }, first: part.firstOrdinal, end })
    }
    return files
  }

  /**
   * Looks up the first of these events, backward the last, from position `from` up to, but not including, `to`. Returns
   * `undefined` if all of them must be read: looking up does not pay, or something in the file cannot be read. That may
   * belong to another tape, so the reading decides.
   */
  find(lib: LibHandle, live: LiveEvents, from: number, to: number): Effect.Effect<LookedUp | undefined> {
    const { file } = live
    if (!this.#isWanted(file)) return Effect.succeed(undefined)
    return Effect.match(eventsWithTerms(lib.root, lib.meta.state, file), {
      onFailure: (error) => {
        if (error._tag === "SegmentCorrupt") damaged.add(file)
        return undefined
      },
      onSuccess: (events) => this.#look(events, live, from, to)
    })
  }

  /**
   * Whether to look terms up. Their first use reads the whole file, so a read of its last events, such as a subscription
   * makes with each batch, only looks at these, until such reads have cost as much.
   */
  #isWanted(file: DynamicFile): boolean {
    if (damaged.has(file)) return false
    if (file.events?.terms !== undefined) return true
    let chosen = this.#chosen.get(file)
    if (chosen === undefined) {
      let first = file.size
      for (const parts of file.parts.values()) {
        first = Math.min(first, parts[firstPart(parts, this.#wanted.from)]?.offset ?? first)
      }
      chosen = file.noteScanned(file.size - first)
      this.#chosen.set(file, chosen)
    }
    return chosen
  }

  #look(events: EventsWithTerms, { file, parts }: LiveEvents, from: number, to: number): LookedUp {
    const { backward } = this.#wanted
    let rows = this.#rows.get(file)
    if (rows === undefined) this.#rows.set(file, (rows = new MatchingRows(events, file, this.#wanted)))
    // The parts that begin, or backward end, in the window of the first one that is wanted.
    const edge = rows.edgeOf(
      backward ? events.rowAt(endOf(parts.at(-1)!)) - 1 : events.rowAt(parts[0]!.offset),
      backward
    )
    const count = firstNotBefore(parts.length, (at) =>
      backward ? endOf(parts.at(-1 - at)!) > edge : parts[at]!.offset < edge
    )
    const taken = Math.max(1, count)
    const looked = backward ? parts.slice(-taken) : parts.slice(0, taken)
    return { parts: taken, matches: within(rows.among(looked), from, to) }
  }
}

/** Files that have a line which cannot be read. Their events are read instead of looked up. */
const damaged = new WeakSet<DynamicFile>()

/** Number of events that are looked up together, about. */
const matchesAtOnce = 4096

/** The rows of a file that may match, of whatever tape: found in windows, each when it is first needed. */
class MatchingRows {
  readonly #events: EventsWithTerms
  readonly #terms: QueryTerms
  /** Rows that may be in the range. */
  readonly #first: number
  readonly #end: number
  readonly #windowRows: number
  readonly #windows = new Map<number, ReadonlyArray<number>>()

  constructor(events: EventsWithTerms, file: DynamicFile, { from, terms, to }: Wanted) {
    this.#events = events
    this.#terms = terms
    let first = file.size
    // Where the batch ends that has the last event of the range.
    let lastPosition = Number.POSITIVE_INFINITY
    for (const parts of file.parts.values()) {
      first = Math.min(first, parts[firstPart(parts, from)]?.offset ?? first)
      lastPosition = Math.min(lastPosition, parts[firstPart(parts, to - 1)]?.endPosition ?? lastPosition)
    }
    let end = first
    for (const parts of file.parts.values()) {
      const last = parts[firstPart(parts, lastPosition) - 1]
      if (last !== undefined) end = Math.max(end, endOf(last))
    }
    this.#first = events.rowAt(first)
    this.#end = events.rowAt(end)
    const rows = this.#end - this.#first
    const most = rows <= matchesAtOnce ? 0 : mostRows(events.terms, terms)
    const share = most <= matchesAtOnce ? 1 : matchesAtOnce / most
    this.#windowRows = share === 1 ? Math.max(1, rows) : Math.max(matchesAtOnce, Math.ceil(share * events.terms.count))
  }

  /** Returns the offset at which the window of a row ends, or backward begins. */
  edgeOf(row: number, backward: boolean): number {
    const window = this.#windowOf(row)
    if (backward) return window === 0 ? 0 : this.#events.offsetAt(this.#startOf(window))
    const next = this.#startOf(window + 1)
    return next >= this.#end ? Number.POSITIVE_INFINITY : this.#events.offsetAt(next)
  }

  /** Returns those rows that are in these parts of a tape, by position. */
  among(parts: ReadonlyArray<LivePart>): Matches {
    const positions: Array<number> = []
    const places: Array<number> = []
    const from = this.#events.rowAt(parts[0]!.offset)
    const to = this.#events.rowAt(endOf(parts.at(-1)!))
    for (let window = this.#windowOf(from); window <= this.#windowOf(to - 1); window++) {
      ownOf(this.#events, this.#rowsOf(window), parts, (row) => {
        positions.push(this.#events.positionAt(row))
        places.push(row)
      })
    }
    return { positions, places }
  }

  #startOf(window: number): number {
    return this.#first + window * this.#windowRows
  }

  #windowOf(row: number): number {
    const within = Math.max(this.#first, Math.min(this.#end - 1, row))
    return Math.floor((within - this.#first) / this.#windowRows)
  }

  #rowsOf(window: number): ReadonlyArray<number> {
    let rows = this.#windows.get(window)
    if (rows === undefined) {
      const start = this.#startOf(window)
      rows = rowsAmong(this.#events.terms, this.#terms, start, Math.min(this.#end, start + this.#windowRows))
      this.#windows.set(window, rows)
    }
    return rows
  }
}

/**
 * Calls `each` with those rows that are in these parts: the file may hold events of other tapes, and events that are in a
 * segment already. Takes a few steps for each part or for each row, whichever are fewer.
 */
const ownOf = (
  events: DynamicEvents,
  rows: ReadonlyArray<number>,
  parts: ReadonlyArray<LivePart>,
  each: (row: number) => void
): void => {
  if (rows.length < parts.length) {
    for (const row of rows) {
      const offset = events.offsetAt(row)
      const part = parts[firstNotBefore(parts.length, (at) => endOf(parts[at]!) <= offset)]
      if (part !== undefined && part.offset <= offset) each(row)
    }
    return
  }
  for (const part of parts) {
    const first = events.rowAt(part.offset)
    let at = firstNotBefore(rows.length, (index) => rows[index]! < first)
    for (; at < rows.length && rows[at]! < first + part.count; at++) each(rows[at]!)
  }
}

/** Returns the first part with an event at this position or later. */
const firstPart = (parts: ReadonlyArray<LivePart>, position: number): number =>
  firstNotBefore(parts.length, (at) => parts[at]!.endPosition <= position)

const endOf = ({ bytes, offset }: LivePart): number => offset + bytes
