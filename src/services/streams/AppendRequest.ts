/**
 * What becomes of an append when its batch is sealed: ids first, then what is expected of the streams, then revisions and
 * positions. Synchronous, against durable plus pending state.
 */
import * as Exit from "effect/Exit"
import { TapeArchived, TapeInvalid } from "../../domain/format/Errors.ts"
import type { EncodedEvent } from "../../domain/event/Event.ts"
import { EventIdConflict, type ExpectedRevision, WrongExpectedRevision } from "../../domain/event/EventErrors.ts"
import type { Request } from "../write/CommitQueue.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { CommitGroup } from "../write/CommitGroup.ts"
import type { StreamState, Watch } from "./StreamStates.ts"

/** Says where events went. They are durable. */
export interface AppendResult {
  readonly stream: string
  /** Revision of the first event of this append; of the next event to come where it had none. */
  readonly firstRevision: number
  /** Revision of the last event of this append: what the next append expects. −1 where the stream has no event. */
  readonly lastRevision: number
  readonly firstPosition: number
  readonly lastPosition: number
  /** These events had been appended before; nothing was written now. */
  readonly repeated: boolean
}

/** The events of a call for one stream, and what they expect of it. */
export class PlannedAppend {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly events: Array<EncodedEvent>
  /** Ids that the caller gave: these may be known already. */
  readonly given: ReadonlySet<string>
  /** Pinned once the stream was looked up. */
  state!: StreamState
  /** Events with such ids that were found before the batch was sealed. */
  readonly found: Map<string, FoundEvent>
  watch: Watch | undefined = undefined

  constructor(stream: string, expected: ExpectedRevision, events: Array<EncodedEvent>, given: ReadonlySet<string>) {
    this.stream = stream
    this.expected = expected
    this.events = events
    this.given = given
    this.found = given.size === 0 ? noneFound : new Map()
  }
}

interface FoundEvent {
  readonly content: string
  readonly revision: number
  readonly position: number
}

const noneFound: PlannedAppend["found"] = new Map()

/** Why an append was not made. */
export type Refusal = WrongExpectedRevision | EventIdConflict | TapeArchived | TapeInvalid

/** What the caller is given of its entries' results. */
export type Results<A> = (entries: ReadonlyArray<PlannedAppend>, resultOf: (entry: PlannedAppend) => AppendResult) => A

export const allResults: Results<ReadonlyArray<AppendResult>> = (entries, resultOf) => entries.map(resultOf)

/** Of a call with one entry. */
export const firstResult: Results<AppendResult> = (entries, resultOf) => resultOf(entries[0]!)

/** The request of one call: all of its entries are accepted, or none. Their streams must be pinned until it has its outcome. */
export class AppendRequest<A> implements Request<A, Refusal> {
  readonly bytesMax: number
  readonly #lib: LibHandle
  protected readonly entries: Array<PlannedAppend>
  readonly #results: Results<A>
  #outcome: Exit.Exit<A, Refusal> | undefined

  /** `entries` is its own, and emptied when it has its outcome. */
  constructor(lib: LibHandle, entries: Array<PlannedAppend>, results: Results<A>) {
    this.#lib = lib
    this.entries = entries
    this.#results = results
    let bytesMax = 0
    for (const { events } of entries) for (const event of events) bytesMax += event.bytesMax
    this.bytesMax = bytesMax
  }

  addTo(group: CommitGroup): Exit.Exit<A, Refusal> | undefined {
    const { entries } = this
    const rests = entries.some(({ state }) => state.batch === group.batch)
    const verdict = judge(this.#lib, entries)
    if (verdict === "repeated") this.#outcome = Exit.succeed(this.#results(entries, repeatedResult))
    else if (verdict !== undefined) this.#outcome = Exit.fail(verdict)
    else {
      this.#outcome = Exit.succeed(this.#results(entries, (entry) => accept(group, entry)))
      if (this.bytesMax > 0) return undefined
    }
    // What was decided on pending events is only true once these are durable.
    return rests ? undefined : this.#outcome
  }

  settle(batch: number): Exit.Exit<A, Refusal> {
    for (const { state } of this.entries) state.settle(batch)
    return this.#outcome!
  }

  /** Lets go of what was encoded: V8 may keep an array for long, and with it whatever is in it. */
  ended(): void {
    for (const { events } of this.entries) events.length = 0
    this.entries.length = 0
  }
}

/** Ids first, then what is expected of the streams: an append that is repeated succeeds though its stream has moved on. */
const judge = (lib: LibHandle, entries: ReadonlyArray<PlannedAppend>): Refusal | "repeated" | undefined => {
  let repeated = 0
  let written = 0
  let partly: EventIdConflict | undefined
  for (const entry of entries) {
    if (entry.events.length === 0) continue
    written++
    const verdict = judgeIds(entry)
    if (verdict instanceof EventIdConflict) return verdict
    if (verdict === undefined) continue
    repeated++
    const id = entry.events[0]!.id
    partly = new EventIdConflict({ stream: entry.state.name, id, why: "partly-repeated" })
  }
  if (repeated > 0 && repeated === written) return "repeated"
  if (partly !== undefined) return partly
  // A stream may stand in several entries.
  const revisions = entries.length > 1 ? new Map<StreamState, number>() : undefined
  for (const entry of entries) {
    const { state, expected, events } = entry
    if (events.length > 0 && lib.tapes.listing(state.tape.name)?.state === "archived") {
      return new TapeArchived({ tape: state.tape.name })
    }
    if (state.isStale) {
      const why = "it was recovered while this waited: read the stream again, decide again, append again"
      return new TapeInvalid({ tape: state.tape.name, why })
    }
    const revision = revisions?.get(state) ?? state.revision
    if (!meets(expected, revision)) {
      const actual = revision === -1 ? "no-stream" : revision
      return new WrongExpectedRevision({ stream: state.name, expected, actual })
    }
    revisions?.set(state, revision + events.length)
  }
  return undefined
}

const meets = (expected: ExpectedRevision, revision: number): boolean => {
  if (expected === "any") return true
  if (expected === "no-stream") return revision === -1
  if (expected === "stream-exists") return revision >= 0
  return expected === revision
}

/** What is known of an id: found on disk, or accepted since the look-up began. */
const knownAs = (entry: PlannedAppend, id: string): FoundEvent | undefined =>
  entry.found.get(id) ?? entry.state.acceptedWith(id)

/** `undefined`: none of the ids is known. `"repeated"`: this very append was made before. */
const judgeIds = (entry: PlannedAppend): EventIdConflict | "repeated" | undefined => {
  if (entry.given.size === 0) return undefined
  const { name } = entry.state
  const known = entry.events.map((event) => (event.isNamed ? knownAs(entry, event.id) : undefined))
  const first = known.findIndex((one) => one !== undefined)
  if (first === -1) return undefined
  const start = known[first]!.revision - first
  for (const [index, event] of entry.events.entries()) {
    const one = known[index]
    if (one === undefined || one.revision !== start + index) {
      return new EventIdConflict({ stream: name, id: entry.events[first]!.id, why: "partly-repeated" })
    }
    if (one.content !== event.content) return new EventIdConflict({ stream: name, id: event.id, why: "other-content" })
  }
  return "repeated"
}

const repeatedResult = (entry: PlannedAppend): AppendResult => {
  const known = entry.events.map((event) => knownAs(entry, event.id)!)
  const { name, revision } = entry.state
  const first = known[0]
  const last = known.at(-1)
  return {
    stream: name,
    firstRevision: first?.revision ?? revision + 1,
    lastRevision: last?.revision ?? revision,
    firstPosition: first?.position ?? -1,
    lastPosition: last?.position ?? -1,
    repeated: first !== undefined
  }
}

const accept = (group: CommitGroup, { state, events }: PlannedAppend): AppendResult => {
  const firstRevision = state.revision + 1
  let firstPosition = -1
  let lastPosition = -1
  for (const event of events) {
    const revision = ++state.revision
    lastPosition = group.addEvent(state.tape, state.name, revision, event)
    if (firstPosition === -1) firstPosition = lastPosition
    // Nobody knows an id of ours before it is durable, and found by looking it up.
    if (!event.isNamed) continue
    const { id, content } = event
    state.accept({ id, content, revision, position: lastPosition, batch: group.batch })
  }
  if (events.length > 0) state.batch = group.batch
  return {
    stream: state.name,
    firstRevision,
    lastRevision: state.revision,
    firstPosition,
    lastPosition,
    repeated: false
  }
}
