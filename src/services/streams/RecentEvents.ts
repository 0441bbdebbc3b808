/**
 * The events that were accepted of late, durable or pending, by type and tags: decides most conditions of appends without
 * a read. Kept only once a condition was used. Bounded, by events and by the length of their texts.
 */
import * as Effect from "effect/Effect"
import { firstNotBefore } from "../../domain/base/binarySearch.ts"
import { matchesItem, type Query, type QueryItem, type Tagged } from "../../domain/event/Query.ts"

/** An event that was accepted. */
export interface RecentEvent extends Tagged {
  readonly stream: string
  readonly revision: number
  readonly position: number
}

/** A generation takes no more events after this many, or after texts of this many characters. */
const eventsMax = 8192
const charactersMax = 1024 * 1024

/** Consecutive events. Dropped as a whole, so that dropping costs nothing. */
class Generation {
  readonly start: number
  readonly #events: Array<RecentEvent> = []
  /** Positions in ascending order. */
  readonly #types = new Map<string, Array<number>>()
  readonly #tags = new Map<string, Array<number>>()
  #characters = 0

  constructor(start: number) {
    this.start = start
  }

  get isFull(): boolean {
    return this.#events.length >= eventsMax || this.#characters >= charactersMax
  }

  add(event: RecentEvent): void {
    const { position, tags, type } = event
    this.#events.push(event)
    this.#characters += type.length
    note(this.#types, type, position)
    for (const tag of tags) {
      this.#characters += tag.length
      note(this.#tags, tag, position)
    }
  }

  /** Returns the first event at `from` or later that matches. */
  first(query: Query, from: number): RecentEvent | undefined {
    if (query === "all") return this.#events[Math.max(0, from - this.start)]
    let found: RecentEvent | undefined
    for (const item of query) {
      const event = this.#firstOf(item, from)
      if (event !== undefined && (found === undefined || event.position < found.position)) found = event
    }
    return found
  }

  /** Looks only at events that have the rarest tag, or one of the types if these are rarer. */
  #firstOf(item: QueryItem, from: number): RecentEvent | undefined {
    const { tags, types } = item
    if (tags === undefined) return this.#firstOfTypes(types ?? [], from)
    let rarest: ReadonlyArray<number> | undefined
    for (const tag of tags) {
      const positions = this.#tags.get(tag)
      if (positions === undefined) return undefined
      if (rarest === undefined || positions.length < rarest.length) rarest = positions
    }
    if (rarest === undefined) return undefined
    if (types === undefined || this.#countOf(types) >= rarest.length) return this.#firstIn(rarest, item, from)
    let found: RecentEvent | undefined
    for (const type of types) {
      const event = this.#firstIn(this.#types.get(type) ?? [], item, from)
      if (event !== undefined && (found === undefined || event.position < found.position)) found = event
    }
    return found
  }

  #firstIn(positions: ReadonlyArray<number>, item: QueryItem, from: number): RecentEvent | undefined {
    for (let at = firstAt(positions, from); at < positions.length; at++) {
      const event = this.#at(positions[at]!)
      if (matchesItem(item, event)) return event
    }
    return undefined
  }

  /** Returns how many events have one of the types. */
  #countOf(types: ReadonlyArray<string>): number {
    let count = 0
    for (const type of types) count += this.#types.get(type)?.length ?? 0
    return count
  }

  #firstOfTypes(types: ReadonlyArray<string>, from: number): RecentEvent | undefined {
    let first = Number.POSITIVE_INFINITY
    for (const type of types) {
      const positions = this.#types.get(type)
      if (positions === undefined) continue
      const position = positions[firstAt(positions, from)]
      if (position !== undefined && position < first) first = position
    }
    return first === Number.POSITIVE_INFINITY ? undefined : this.#at(first)
  }

  #at(position: number): RecentEvent {
    return this.#events[position - this.start]!
  }
}

const firstAt = (positions: ReadonlyArray<number>, from: number): number =>
  firstNotBefore(positions.length, (index) => positions[index]! < from)

/** An event may have a tag twice. */
const note = (index: Map<string, Array<number>>, key: string, position: number): void => {
  const positions = index.get(key)
  if (positions === undefined) index.set(key, [position])
  else if (positions.at(-1) !== position) positions.push(position)
}

export class RecentEvents {
  #old: Generation | undefined
  #young: Generation | undefined

  /** Position from which on all accepted events are here; `undefined` before the first batch that was noted. */
  get start(): number | undefined {
    return (this.#old ?? this.#young)?.start
  }

  /** Notes where the first event that is added will stand. Does nothing later. */
  beginAt(position: number): void {
    this.#young ??= new Generation(position)
  }

  /** Adds an event that was accepted, which is the next one by position. */
  add(event: RecentEvent): void {
    if (this.#young!.isFull) {
      this.#old = this.#young
      this.#young = new Generation(event.position)
    }
    this.#young!.add(event)
  }

  /** Returns the first event at `from` or later that matches. `from` must not be before `start`. */
  first(query: Query, from: number): RecentEvent | undefined {
    return this.#old?.first(query, from) ?? this.#young?.first(query, from)
  }
}

/** Returns empty events of late. */
export const makeRecentEvents = (): Effect.Effect<RecentEvents> => Effect.sync(() => new RecentEvents())
