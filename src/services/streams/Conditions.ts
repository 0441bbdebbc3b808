/**
 * The conditions of one append. Events up to a known position are read before the call is queued, so that the commit
 * loop never waits for a read: it checks only the events that were accepted since, durable or pending, in memory.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Boundary, whyNotInHistory } from "../../domain/event/Boundary.ts"
import { ConditionFailed, NotInHistory } from "../../domain/event/EventErrors.ts"
import { copyOf, matches, type Query, queryCheck } from "../../domain/event/Query.ts"
import { type Check, type Checks, nested, notUndefined, shown, unreadable } from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { CommitGroup } from "../write/CommitGroup.ts"
import { type AllReadError, readMatching } from "./AllReader.ts"
import type { PlannedAppend } from "./PlannedAppend.ts"
import { compileQuery } from "./EventFilter.ts"
import type { RecentEvents } from "./RecentEvents.ts"

/** Condition of an append: it fails with `ConditionFailed` if a matching event was appended after the boundary. */
export interface AppendCondition {
  /** Events that the decision rests on. */
  readonly failIfEventsMatch: Query
  /** Boundary of the query that the decision rests on; `"nothing"` if it took no event into account. */
  readonly after: Boundary | "nothing"
}

/** Checks where to continue. Anything but a boundary is refused: a number may mean another place. */
export const boundaryCheck: Check = (after) => {
  if (after === "nothing") return undefined
  if (!Boundary.is(after)) {
    return {
      below: "",
      why: `must be the boundary of a query, or "nothing", not ${shown(after)}; Boundary.decode makes one of a text`
    }
  }
  return after.isDecidable
    ? undefined
    : {
        below: "",
        why: "is the boundary of a query with a limit that left events out: query without a limit, or with a larger one"
      }
}

const conditionChecks = {
  failIfEventsMatch: queryCheck,
  after: boundaryCheck
} satisfies Checks<AppendCondition>

/** Checks a condition as an option. `Conditions.add` checks the rest, once. */
export const conditionCheck: Check = notUndefined

/** Returns what is wrong with a condition. */
const checkCondition: Check = (condition) => {
  const wrong = nested(conditionChecks)(condition)
  if (wrong !== undefined) return wrong
  for (const name of ["failIfEventsMatch", "after"]) {
    if (!Object.hasOwn(condition as object, name)) return { below: `.${name}`, why: "is missing" }
  }
  return undefined
}

/** A condition, and what is known about it before its batch is formed. */
class PlannedCondition {
  /** Index of its entry in the call; −1 if it is that of the whole call. */
  readonly at: number
  readonly query: Query
  readonly boundary: Boundary | undefined
  /** All events below this position were taken into account, or read and did not match. */
  checkedTo: number
  /** A durable event that matches. */
  matched:
    | { readonly stream: string; readonly type: string; readonly revision: number; readonly position: number }
    | undefined

  constructor(at: number, query: Query, boundary: Boundary | undefined) {
    this.at = at
    this.query = query
    this.boundary = boundary
    this.checkedTo = boundary?.position ?? 0
  }
}

/** Events were accepted that are neither read nor in memory any more: read on, then queue the call again. */
export class MustReadOn {
  readonly _tag = "MustReadOn"
}

const mustReadOn = new MustReadOn()

/**
 * Copies a condition that was checked, so that its caller may change it meanwhile.
 *
 * @throws InvalidArgument
 */
const takeCondition = (call: string, argument: string, given: AppendCondition) => {
  try {
    const { after, failIfEventsMatch } = given
    const query = copyOf(failIfEventsMatch)
    // Read again: a getter may return something else than when it was checked.
    if (boundaryCheck(after) === undefined) return { query, boundary: after === "nothing" ? undefined : after }
  } catch {
    // Reported below.
  }
  throw new InvalidArgument({ call, argument, why: unreadable })
}

/** The verdict on the conditions of a call. */
type Verdict = ConditionFailed | NotInHistory | MustReadOn | undefined

export class Conditions {
  readonly #all: Array<PlannedCondition> = []
  #restsOnPending = false

  get isEmpty(): boolean {
    return this.#all.length === 0
  }

  /** The conditions as they were given, each with the index of its entry; −1 for that of the whole call. */
  get given(): ReadonlyArray<{ readonly at: number; readonly query: Query; readonly boundary: Boundary | undefined }> {
    return this.#all
  }

  /** Whether the verdict holds only once the batch is durable in which it was made. */
  get restsOnPending(): boolean {
    return this.#restsOnPending
  }

  /**
   * Adds the condition of an entry; of the whole call if `at` is −1.
   *
   * @throws InvalidArgument
   */
  add(call: string, argument: string, at: number, given: AppendCondition): void {
    const wrong = checkCondition(given)
    if (wrong !== undefined) throw new InvalidArgument({ call, argument: `${argument}${wrong.below}`, why: wrong.why })
    const { boundary, query } = takeCondition(call, argument, given)
    this.#all.push(new PlannedCondition(at, query, boundary))
  }

  /** Whether the commit loop can decide about all of them without a read. */
  areCovered(recent: RecentEvents): boolean {
    const { start } = recent
    return start !== undefined && this.#all.every((one) => one.matched !== undefined || one.checkedTo >= start)
  }

  /** Reads the durable events that the commit loop cannot look at. */
  readUp(lib: LibHandle, recent: RecentEvents): Effect.Effect<void, AllReadError> {
    return Effect.forEach(this.#all, (one) => readUp(lib, recent, one), { discard: true })
  }

  /**
   * Decides about all conditions as if the entries were appended one after the other. Synchronous, on durable plus pending
   * events.
   */
  judge(lib: LibHandle, group: CommitGroup, recent: RecentEvents, entries: ReadonlyArray<PlannedAppend>): Verdict {
    const durable = lib.journal.durable.position
    this.#restsOnPending = false
    for (const one of this.#all) {
      const { at, boundary, query } = one
      const why = boundary === undefined ? undefined : whyNotInHistory(lib.meta.state, durable, boundary)
      if (why !== undefined) return notInHistory(lib, boundary!, why)
      const start = recent.start ?? group.position
      if (one.matched === undefined && one.checkedTo < start) {
        this.#restsOnPending = true
        return mustReadOn
      }
      const matched = one.matched ?? recent.first(query, one.checkedTo)
      if (matched !== undefined) {
        this.#restsOnPending = matched.position >= durable
        const { position, revision, stream, type } = matched
        return new ConditionFailed({ index: at === -1 ? null : at, stream, type, revision, position })
      }
      const earlier = matchAmong(query, entries, at)
      if (earlier !== undefined) return new ConditionFailed({ index: at, ...earlier, revision: null, position: null })
    }
    return undefined
  }
}

/** Returns the first event of the entries before `at` that matches. */
const matchAmong = (query: Query, entries: ReadonlyArray<PlannedAppend>, at: number) => {
  for (const { events, stream } of entries.slice(0, Math.max(0, at))) {
    const event = events.find(({ tags, type }) => matches(query, { tags, type }))
    if (event !== undefined) return { stream, type: event.type }
  }
  return undefined
}

/** Returns the error for a boundary that is not in the history of a lib. */
export const notInHistory = ({ location }: LibHandle, { position }: Boundary, why: string): NotInHistory =>
  new NotInHistory({ location, after: position - 1, why })

const readUp = (lib: LibHandle, recent: RecentEvents, one: PlannedCondition): Effect.Effect<void, AllReadError> =>
  Effect.suspend(() => {
    const { boundary, checkedTo: from, matched, query } = one
    const durable = lib.journal.durable.position
    const to = Math.min(durable, recent.start ?? durable)
    // The commit loop refuses a boundary of another history. A repeat is recognised before that.
    const isForeign = boundary !== undefined && whyNotInHistory(lib.meta.state, durable, boundary) !== undefined
    if (matched !== undefined || isForeign || from >= to) return Effect.void
    const read = Stream.runCollect(readMatching(lib, { from, to, limit: 1 }, compileQuery(query)))
    return Effect.map(read, ([first]) => {
      one.matched = first
      one.checkedTo = to
    })
  })
