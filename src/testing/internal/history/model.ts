/** A lib as plain arrays: tapes of records, and events in the order of their positions. */
import { type Json, type JsonObject, encode, encodeValue } from "../../../domain/json/TaraSON.ts"
import type { NewEvent, Query, RecordedEvent } from "../../../services/EventStore.ts"

export interface ModelTape {
  /** Canonical texts: two records are the same if these are. */
  readonly lines: Array<string>
  state: "active" | "archived"
  readonly userMeta: Map<string, string>
}

export interface ModelEvent {
  readonly stream: string
  readonly revision: number
  readonly id: string
  /** Type, data, metadata and tags as one canonical text. */
  readonly content: string
}

export class Model {
  readonly tapes = new Map<string, ModelTape>()
  readonly events: Array<ModelEvent> = []
  /** The same events, as they were given. */
  readonly given: Array<Pick<NewEvent, "tags" | "type">> = []
  /** Tapes of streams that were appended to, or for which an append was tried. */
  readonly touched = new Set<string>()
  /** Appends of events that succeeded. */
  readonly appended: Array<{
    readonly stream: string
    readonly events: ReadonlyArray<NewEvent>
    readonly first: number
  }> = []

  /** Boundaries of decisions as texts, which survive a restart. */
  readonly boundaries: Array<string> = []

  tape(name: string): ModelTape {
    const known = this.tapes.get(name)
    if (known !== undefined) return known
    const made: ModelTape = { lines: [], state: "active", userMeta: new Map() }
    this.tapes.set(name, made)
    return made
  }

  stream(name: string): ReadonlyArray<ModelEvent> {
    return this.events.filter(({ stream }) => stream === name)
  }

  /** Returns the positions from `from` on of the events that match a query. */
  matching(query: Query, from = 0): ReadonlyArray<number> {
    return [...this.given.keys()].slice(from).filter((position) => isWanted(query, this.given[position]!))
  }

  get streams(): ReadonlySet<string> {
    return new Set(this.events.map(({ stream }) => stream))
  }
}

/** Independent of the implementation on purpose. */
const isWanted = (query: Query, { tags = [], type }: Pick<NewEvent, "tags" | "type">): boolean =>
  query === "all" ||
  query.some((item) => (item.types ?? [type]).includes(type) && (item.tags ?? []).every((tag) => tags.includes(tag)))

export const linesOf = (records: ReadonlyArray<JsonObject>): Array<string> => records.map((record) => encode(record))

export const textOf = (value: Json): string => encodeValue(value)

export const contentOf = ({ type, data, metadata, tags }: NewEvent | RecordedEvent): string =>
  encodeValue({ type, data: data ?? null, metadata: metadata ?? {}, tags: tags ?? [] })
