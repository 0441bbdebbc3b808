/** The model of an event store, in plain arrays, with which tests compare the real one. */
import type { EventFilter, NewEvent, ReadAllOptions, ReadStreamOptions, StreamAppend } from "litetapes/EventStore"
import { type Placement, tapeOf } from "litetapes/Placement"
import { idOfCommand } from "./commandId.ts"

/** An event; `id` is `undefined` if the store has to make one. */
export interface ModelEvent {
  readonly type: string
  readonly data: unknown
  readonly id: string | undefined
  readonly metadata: { readonly [key: string]: unknown }
  readonly tags: ReadonlyArray<string>
  readonly stream: string
  readonly revision: number
  readonly position: number
}

/** The outcome of an append in the model: the results, or the error without its message. */
export type Outcome =
  | { readonly _tag: "Appended"; readonly results: ReadonlyArray<object> }
  | { readonly _tag: "WrongExpectedRevision" | "EventIdConflict" | "TapeArchived"; readonly [key: string]: unknown }

/** The appends of one call, and the command that makes them. */
export interface Attempt {
  readonly appends: ReadonlyArray<StreamAppend>
  readonly commandId?: string
}

/** What a repeat must have in common with the first append. */
const contentOf = ({ type, data, tags }: NewEvent): string =>
  JSON.stringify([type, data ?? null, [...new Set(tags)].toSorted()])

/** An append to one stream. `beyond` are events that its command made the first time, after those of this append. */
type Entry = StreamAppend & { readonly beyond?: ReadonlyArray<ModelEvent> }

export class EventModel {
  readonly events: Array<ModelEvent> = []
  archived = new Set<string>()
  readonly #streams = new Map<string, Array<ModelEvent>>()
  #placement: Placement

  constructor(placement: Placement) {
    this.#placement = placement
  }

  get streams(): ReadonlyMap<string, ReadonlyArray<ModelEvent>> {
    return this.#streams
  }

  /** Returns the last revision, or −1 if the stream has no event. */
  revision(stream: string): number {
    return this.#of(stream).length - 1
  }

  /** Applies one append, of one stream or of several, whole or not at all. */
  apply({ appends, commandId }: Attempt): Outcome {
    const entries = commandId === undefined ? appends : this.#named(appends, commandId)
    const known = this.#idsTwice(entries) ?? this.#idsKnown(entries)
    if (known !== undefined) return known
    const refusal = this.#unmet(entries)
    if (refusal !== undefined) return refusal
    return { _tag: "Appended", results: entries.map((append) => this.#push(append)) }
  }

  /** Returns the first event with this id. */
  find(stream: string, id: string): ModelEvent | undefined {
    return this.#of(stream).find((event) => event.id === id)
  }

  /** Returns the result of the append with which a command made its events in a stream. */
  findCommand(stream: string, commandId: string): object | undefined {
    const made = this.#madeBy(stream, commandId, 0)
    return made.length === 0 ? undefined : this.#result(stream, made, true)
  }

  /** Returns the events of a command in a stream from its event `from`. */
  #madeBy(stream: string, commandId: string, from: number): ReadonlyArray<ModelEvent> {
    const made: Array<ModelEvent> = []
    for (let index = from; ; index++) {
      const event = this.find(stream, idOfCommand(stream, commandId, index))
      if (event === undefined) return made
      made.push(event)
    }
  }

  /** Gives events the ids of their command, and the last append of each stream what the command made beyond them. */
  #named(appends: ReadonlyArray<StreamAppend>, commandId: string): ReadonlyArray<Entry> {
    const counts = new Map<string, number>()
    const entries = appends.map(({ events, ...append }) => {
      const from = counts.get(append.stream) ?? 0
      counts.set(append.stream, from + events.length)
      return {
        ...append,
        events: events.map((event, n) => ({ ...event, id: idOfCommand(append.stream, commandId, from + n) }))
      }
    })
    const ends = new Map<string, number>()
    return entries.map((entry) => {
      const { events, stream } = entry
      const end = (ends.get(stream) ?? 0) + events.length
      ends.set(stream, end)
      return end === counts.get(stream) ? { ...entry, beyond: this.#madeBy(stream, commandId, end) } : entry
    })
  }

  /** Moves to another placement, as a copy of the lib does: the archived state stays with the name of a tape. */
  moveTo(placement: Placement): void {
    this.#placement = placement
    const tapes = new Set(this.events.map(({ stream }) => tapeOf(placement, stream)))
    this.archived = new Set([...this.archived].filter((name) => tapes.has(name)))
  }

  /** Removes everything from this position on. */
  truncate(position: number): void {
    for (const { stream } of this.events.splice(position)) this.#streams.get(stream)!.pop()
  }

  read(stream: string, options: ReadStreamOptions = {}): ReadonlyArray<ModelEvent> {
    return pick(this.#of(stream), options as ReadAllOptions)
  }

  readAll(options: ReadAllOptions = {}): ReadonlyArray<ModelEvent> {
    return pick(this.events, options)
  }

  #of(stream: string): ReadonlyArray<ModelEvent> {
    return this.#streams.get(stream) ?? []
  }

  #idsTwice(appends: ReadonlyArray<Entry>): Outcome | undefined {
    const seen = new Set<string>()
    for (const { stream, events } of appends) {
      for (const { id } of events) {
        if (id === undefined) continue
        const key = JSON.stringify([stream, id])
        if (seen.has(key)) return { _tag: "EventIdConflict", stream, id, why: "twice-in-one-batch" }
        seen.add(key)
      }
    }
    return undefined
  }

  /** Returns the first result again if every event of every stream is known, or a conflict if only some are. */
  #idsKnown(appends: ReadonlyArray<Entry>): Outcome | undefined {
    const written = appends.filter(({ beyond = [], events }) => events.length > 0 || beyond.length > 0)
    let partly: Outcome | undefined
    let repeated = 0
    for (const { beyond = [], events, stream } of written) {
      const known = events.map(({ id }) =>
        id === undefined ? undefined : this.#of(stream).find((event) => event.id === id)
      )
      const first = known.findIndex((one) => one !== undefined)
      if (first === -1 && events.length > 0) continue
      for (const [index, event] of events.entries()) {
        const one = known[index]
        if (one === undefined || one.revision !== known[first]!.revision - first + index) {
          return { _tag: "EventIdConflict", stream, id: events[first]!.id, why: "partly-repeated" }
        }
        if (contentOf(one as NewEvent) !== contentOf(event)) {
          return { _tag: "EventIdConflict", stream, id: event.id, why: "other-content" }
        }
      }
      repeated++
      partly = { _tag: "EventIdConflict", stream, id: (events[0] ?? beyond[0])!.id, why: "partly-repeated" }
    }
    if (repeated === 0 || repeated < written.length) return partly
    return { _tag: "Appended", results: appends.map((append) => this.#again(append)) }
  }

  #again({ beyond = [], events, stream }: Entry): object {
    const known = [...events.map(({ id }) => this.find(stream, id!)!), ...beyond]
    return this.#result(stream, known, known.length > 0)
  }

  #unmet(appends: ReadonlyArray<Entry>): Outcome | undefined {
    const revisions = new Map<string, number>()
    for (const { stream, events, expected = "any" } of appends) {
      const tape = tapeOf(this.#placement, stream)
      if (events.length > 0 && this.archived.has(tape)) return { _tag: "TapeArchived", tape }
      const revision = revisions.get(stream) ?? this.revision(stream)
      const met =
        expected === "any" ||
        (expected === "no-stream" && revision === -1) ||
        (expected === "stream-exists" && revision > -1) ||
        expected === revision
      const actual = revision === -1 ? "no-stream" : revision
      if (!met) return { _tag: "WrongExpectedRevision", stream, expected, actual }
      revisions.set(stream, revision + events.length)
    }
    return undefined
  }

  #push({ stream, events }: Entry): object {
    const pushed = events.map((event) => {
      const { type, data = null, id, metadata = {}, tags = [] } = event
      const revision = this.revision(stream) + 1
      const stored = { type, data, id, metadata, tags, stream, revision, position: this.events.length }
      this.events.push(stored)
      this.#streams.set(stream, [...this.#of(stream), stored])
      return stored
    })
    return this.#result(stream, pushed, false)
  }

  #result(stream: string, events: ReadonlyArray<ModelEvent>, repeated: boolean): object {
    const revision = this.revision(stream)
    const [first, last] = [events[0], events.at(-1)]
    return {
      stream,
      firstRevision: first?.revision ?? revision + 1,
      lastRevision: last?.revision ?? revision,
      firstPosition: first?.position ?? -1,
      lastPosition: last?.position ?? -1,
      repeated
    }
  }
}

const pick = (events: ReadonlyArray<ModelEvent>, options: ReadAllOptions): ReadonlyArray<ModelEvent> => {
  const { from = 0, to = events.length, limit = events.length, direction, filter = {} } = options
  const wanted = events.slice(Math.max(0, from), Math.max(0, to)).filter((event) => matches(filter, event))
  return (direction === "backward" ? wanted.toReversed() : wanted).slice(0, Math.max(0, limit))
}

const matches = ({ categories, types, tags, correlationId }: EventFilter, event: ModelEvent): boolean =>
  (categories?.includes(event.stream.split("-")[0]!) ?? true) &&
  (types?.includes(event.type) ?? true) &&
  tags?.length !== 0 &&
  (tags?.every((tag) => event.tags.includes(tag)) ?? true) &&
  (correlationId === undefined || event.metadata["correlationId"] === correlationId)

/**
 * Finds an order of concurrent calls in which the model gives each call its outcome. Returns their numbers in that
 * order, or `undefined` if there is no such order. The model has then applied them in that order.
 */
export const explain = (
  model: EventModel,
  calls: ReadonlyArray<Attempt>,
  isOutcome: (call: number, outcome: Outcome) => boolean,
  order: ReadonlyArray<number> = []
): ReadonlyArray<number> | undefined => {
  if (order.length === calls.length) return order
  const position = model.events.length
  for (const call of calls.keys()) {
    if (order.includes(call)) continue
    const outcome = model.apply(calls[call]!)
    const explained = isOutcome(call, outcome) ? explain(model, calls, isOutcome, [...order, call]) : undefined
    if (explained !== undefined) return explained
    model.truncate(position)
  }
  return undefined
}
