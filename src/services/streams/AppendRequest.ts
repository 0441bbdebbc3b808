/**
 * Decides about an append when its batch is formed: checks ids, then the checkpoint, then expected revisions, then
 * conditions; then assigns revisions and positions. Synchronous, on durable plus pending state.
 */
import * as Exit from "effect/Exit"
import type { AnySpan } from "effect/Tracer"
import { TapeArchived, TapeInvalid } from "../../domain/format/Errors.ts"
import { isSameContent } from "../../domain/event/Event.ts"
import {
  type ConditionFailed,
  EventIdConflict,
  type EventsLost,
  type ExpectedRevision,
  type NotInHistory,
  type SubjectForgotten,
  WrongExpectedRevision
} from "../../domain/event/EventErrors.ts"
import type { CheckpointState } from "../../domain/meta/Checkpoint.ts"
import type { Request } from "../write/CommitQueue.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { CommitGroup } from "../write/CommitGroup.ts"
import type { CheckpointRefusal, PlannedCheckpoint } from "./AppendCheckpoint.ts"
import { type Conditions, MustReadOn } from "./Conditions.ts"
import { type GivenCheckpoint, type MustList, mustList } from "./GivenCheckpoint.ts"
import { eventsLost } from "./eventsLost.ts"
import type { RecentEvents } from "./RecentEvents.ts"
import type { FoundEvent, PlannedAppend } from "./PlannedAppend.ts"
import type { StreamState, StreamStates } from "./StreamStates.ts"

/** Place of appended events. They are durable. */
export interface AppendResult {
  /** Name of the stream. */
  readonly stream: string
  /** Revision of the first event of this append. If it has no events, the revision that the next event will get. */
  readonly firstRevision: number
  /** Revision of the last event of this append: the value to expect next. −1 if the stream has no events: then expect `no-stream`. */
  readonly lastRevision: number
  /** Position of the first event of this append; −1 if it has no events. */
  readonly firstPosition: number
  /** Position of the last event of this append; −1 if it has no events. */
  readonly lastPosition: number
  /** Whether these events had been appended before, so that nothing was written now. */
  readonly repeated: boolean
}

/** The entries of a call, and its conditions. */
export class PlannedCall {
  readonly entries: Array<PlannedAppend>
  readonly conditions: Conditions | undefined
  readonly given: GivenCheckpoint | undefined
  /** What `given` says, once it was checked. */
  checkpoint: PlannedCheckpoint | undefined
  /** Span of the call, if it has one: that of its batch links to it. */
  span: AnySpan | undefined

  constructor(
    entries: Array<PlannedAppend>,
    conditions: Conditions | undefined,
    given: GivenCheckpoint | undefined,
    checkpoint?: PlannedCheckpoint
  ) {
    this.entries = entries
    this.conditions = conditions
    this.given = given
    this.checkpoint = checkpoint
    this.span = undefined
  }
}

/** Reasons to refuse an append. */
export type Refusal =
  | WrongExpectedRevision
  | ConditionFailed
  | NotInHistory
  | CheckpointRefusal
  | EventIdConflict
  | SubjectForgotten
  | TapeArchived
  | TapeInvalid
  | EventsLost

/** Reasons to queue the call again, after something else. */
export type Again = MustReadOn | MustList

/** Selects the results that a call returns. */
export type Results<A> = (entries: ReadonlyArray<PlannedAppend>, resultOf: (entry: PlannedAppend) => AppendResult) => A

export const allResults: Results<ReadonlyArray<AppendResult>> = (entries, resultOf) => entries.map(resultOf)

/** For a call with one entry. */
export const firstResult: Results<AppendResult> = (entries, resultOf) => resultOf(entries[0]!)

/**
 * The request of one call. All of its entries are accepted, or none. Their streams must stay pinned until its outcome.
 */
export class AppendRequest<A> implements Request<A, Refusal | Again> {
  readonly bytesMax: number
  readonly span: AnySpan | undefined
  readonly #lib: LibHandle
  protected readonly states: StreamStates
  protected readonly entries: Array<PlannedAppend>
  readonly #conditions: Conditions | undefined
  readonly #checkpoint: PlannedCheckpoint | undefined
  readonly #results: Results<A>
  #outcome: Exit.Exit<A, Refusal | Again> | undefined
  #comesAgain = false

  /** Takes ownership of the entries, and empties their array once there is an outcome. */
  constructor(
    lib: LibHandle,
    { checkpoint, conditions, entries, span }: PlannedCall,
    results: Results<A>,
    states: StreamStates
  ) {
    this.#lib = lib
    this.entries = entries
    this.#conditions = conditions
    this.#checkpoint = checkpoint
    this.#results = results
    this.states = states
    this.span = span
    let bytesMax = 0
    for (const { events } of entries) for (const event of events) bytesMax += event.bytesMax
    this.bytesMax = bytesMax
  }

  addTo(group: CommitGroup): Exit.Exit<A, Refusal | Again> | undefined {
    const { entries } = this
    const { recent } = this.states
    recent?.beginAt(group.position)
    const conditions = this.#conditions
    let rests = entries.some(({ state }) => state.batch === group.batch)
    let verdict: Refusal | "repeated" | Again | undefined = judgeAllIds(entries)
    let next: CheckpointState | undefined
    if (this.#checkpoint !== undefined && (verdict === undefined || verdict === "repeated")) {
      rests ||= group.checkpoint(this.#checkpoint.consumer) !== undefined
      const judged = this.#checkpoint.judge(this.#lib, group)
      if (!("_tag" in judged)) next = judged
      // Of a repeat the checkpoint may be there too.
      else if (verdict === undefined || judged._tag !== "CheckpointNotIncreased") verdict = judged
    }
    verdict ??= judgeStreams(this.#lib, entries)
    if (verdict === undefined && conditions !== undefined) {
      verdict = conditions.judge(this.#lib, group, recent!, entries)
      rests ||= conditions.restsOnPending
    }
    if (next !== undefined && (verdict === undefined || verdict === "repeated") && !this.#isListed()) verdict = mustList
    if (verdict === "repeated") this.#outcome = Exit.succeed(this.#results(entries, repeatedResult))
    else if (verdict !== undefined) {
      this.#comesAgain = verdict instanceof MustReadOn || verdict === mustList
      this.#lib.measures.noteRefusal(verdict)
      this.#outcome = Exit.fail(verdict)
      next = undefined
    } else {
      this.#outcome = Exit.succeed(this.#results(entries, (entry) => accept(group, entry, recent)))
      if (this.bytesMax > 0) rests = true
    }
    if (next !== undefined) {
      group.setCheckpoint(this.#checkpoint!.consumer, next)
      rests = true
    }
    // A decision that rests on pending events holds only once they are durable.
    return rests ? undefined : this.#outcome
  }

  /** Whether lib meta lists the consumer of the checkpoint: a mark may name no other. */
  #isListed(): boolean {
    return this.#lib.meta.state.checkpoints.has(this.#checkpoint!.consumer)
  }

  settle(batch: number): Exit.Exit<A, Refusal | Again> {
    for (const { state } of this.entries) state.settle(batch)
    return this.#outcome!
  }

  /** Releases the encoded events: V8 may keep an array for long, and with it its content. */
  ended(): void {
    if (this.#comesAgain) return
    for (const { events } of this.entries) events.length = 0
    this.entries.length = 0
  }
}

/** Checks ids before anything else, so that a repeated append succeeds although its stream has moved on. */
const judgeAllIds = (entries: ReadonlyArray<PlannedAppend>): Refusal | "repeated" | undefined => {
  let repeated = 0
  let written = 0
  let partly: EventIdConflict | undefined
  for (const entry of entries) {
    if (entry.events.length === 0 && !isDone(entry)) continue
    written++
    const verdict = judgeIds(entry)
    if (typeof verdict === "object") return verdict
    if (verdict === undefined) continue
    repeated++
    partly = conflict(entry, entry.events[0]?.id ?? entry.command!.idAt(entry.command!.from), "partly-repeated")
  }
  if (repeated > 0 && repeated === written) return "repeated"
  return partly
}

const judgeStreams = (lib: LibHandle, entries: ReadonlyArray<PlannedAppend>): Refusal | undefined => {
  // A stream may occur in several entries. After events of an earlier one, its revision is certain.
  const revisions = entries.length > 1 ? new Map<StreamState, number>() : undefined
  for (const entry of entries) {
    const { state, expected, events } = entry
    if (events.length > 0 && lib.tapes.listing(state.tape.name)?.state === "archived") {
      return new TapeArchived({ tape: state.tape.name })
    }
    if (state.isStale) {
      const why = "it was recovered while this append waited. Read the stream again, decide again, and append again."
      return new TapeInvalid({ tape: state.tape.name, why })
    }
    const planned = revisions?.get(state)
    const revision = planned ?? state.revision
    if (planned === undefined && state.doubt !== undefined && !isCertain(expected, revision)) {
      return eventsLost(state.tape.name, state.name, state.doubt)
    }
    if (!meets(expected, revision)) {
      const actual = revision === -1 ? "no-stream" : revision
      return new WrongExpectedRevision({ stream: state.name, expected, actual })
    }
    if (events.length > 0) revisions?.set(state, revision + (planned === undefined ? state.skip : 0) + events.length)
  }
  return undefined
}

/** Whether an expectation holds whatever events were lost after `revision`. */
const isCertain = (expected: ExpectedRevision, revision: number): boolean =>
  expected === "any" || (expected === "stream-exists" && revision >= 0)

const meets = (expected: ExpectedRevision, revision: number): boolean => {
  if (expected === "any") return true
  if (expected === "no-stream") return revision === -1
  if (expected === "stream-exists") return revision >= 0
  return expected === revision
}

/** Returns the event with this id that was found on disk, or accepted since the look-up began. */
const knownAs = (entry: PlannedAppend, id: string): FoundEvent | undefined =>
  entry.found.get(id) ?? entry.state.acceptedWith(id)

const conflict = ({ command, state }: PlannedAppend, id: string, why: EventIdConflict["why"]): EventIdConflict =>
  new EventIdConflict({ stream: state.name, id, why, ...(command === undefined ? {} : { commandId: command.id }) })

/** Whether the command of an append without events has made events in the stream before. */
const isDone = (entry: PlannedAppend): boolean =>
  entry.command !== undefined && knownAs(entry, entry.command.idAt(entry.command.from)) !== undefined

/** Returns `undefined` if no id is known, or `"repeated"` if the same append was made before. */
const judgeIds = (entry: PlannedAppend): EventIdConflict | SubjectForgotten | "repeated" | undefined => {
  if (entry.events.length === 0) return "repeated"
  if (entry.given.size === 0) return undefined
  const known = entry.events.map((event) => (event.isNamed ? knownAs(entry, event.id) : undefined))
  const first = known.findIndex((one) => one !== undefined)
  // Only a repeat may have data that cannot be encrypted any more.
  if (first === -1) return entry.events.find(({ placed }) => placed?.refusal)?.placed!.refusal
  const start = known[first]!.revision - first
  for (const [index, event] of entry.events.entries()) {
    const one = known[index]
    if (one === undefined || one.revision !== start + index) {
      return conflict(entry, entry.events[first]!.id, "partly-repeated")
    }
    if (isSameContent(one.content, event.content)) continue
    if (event.placed?.isStoredAs(one.content, event, entry.stream) !== true)
      return conflict(entry, event.id, "other-content")
  }
  return "repeated"
}

const repeatedResult = (entry: PlannedAppend): AppendResult => {
  const known = entry.events.map((event) => knownAs(entry, event.id)!)
  // A command may have made more events the first time. Its first result covers them all.
  for (const id of entry.command?.laterIds(entry.events.length) ?? []) {
    const one = knownAs(entry, id)
    if (one === undefined) break
    known.push(one)
  }
  const { name, revision } = entry.state
  const first = known[0]
  const last = known.at(-1)
  return {
    stream: name,
    firstRevision: first?.revision ?? revision + entry.state.skip + 1,
    lastRevision: last?.revision ?? revision,
    firstPosition: first?.position ?? -1,
    lastPosition: last?.position ?? -1,
    repeated: first !== undefined
  }
}

const accept = (
  group: CommitGroup,
  { state, events }: PlannedAppend,
  recent: RecentEvents | undefined
): AppendResult => {
  const firstRevision = state.revision + state.skip + 1
  if (events.length > 0) {
    // Lost events may have these revisions, and nobody else may ever get them.
    state.revision += state.skip
    state.skip = 0
    state.doubt = undefined
  }
  let firstPosition = -1
  let lastPosition = -1
  for (const event of events) {
    const revision = ++state.revision
    lastPosition = group.addEvent(state.tape, state.name, revision, event)
    if (firstPosition === -1) firstPosition = lastPosition
    if (recent !== undefined) {
      const { tags, type } = event
      recent.add({ stream: state.name, type, tags, revision, position: lastPosition })
    }
    // Our own ids are unknown to anyone until they are durable, and a look-up finds them then.
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
