/** Queries: the events that a decision rests on, and the boundary up to which events were read. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Boundary, whyNotInHistory } from "../../domain/event/Boundary.ts"
import type { RecordedEvent } from "../../domain/event/Event.ts"
import type { NotInHistory } from "../../domain/event/EventErrors.ts"
import { type Query, takeQuery } from "../../domain/event/Query.ts"
import { aCountOrInfinity, type Checks, oneOf, refuseWrongOptions } from "../../domain/format/checkOptions.ts"
import type { InvalidArgument } from "../../domain/format/Errors.ts"
import { lineageOf } from "../../domain/meta/LibState.ts"
import { attempt } from "../base/attempt.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import { type AllReadError, readMatching } from "./AllReader.ts"
import { boundaryCheck, notInHistory } from "./Conditions.ts"
import { compileQuery } from "./EventFilter.ts"

/** Range of a query. */
export interface QueryOptions {
  /** Boundary of an earlier query: only later events are returned. Default: `"nothing"`, from the first event on. */
  readonly after?: Boundary | "nothing"
  /** `backward` returns the last event first. Default: `forward`. */
  readonly direction?: "forward" | "backward"
  /** Maximum number of events. If more match, the boundary is not decidable. Default: no limit. */
  readonly limit?: number
}

const queryChecks = {
  after: (after) => (after === undefined ? undefined : boundaryCheck(after)),
  direction: oneOf("forward", "backward"),
  limit: aCountOrInfinity
} satisfies Checks<QueryOptions>

/** The events that match a query, and the boundary to decide on. */
export interface QueryResult {
  /** Events that match, by position. */
  readonly events: ReadonlyArray<RecordedEvent>
  /** Pass it to the condition of the append. It was taken before the events were read. */
  readonly boundary: Boundary
}

/** Why a query failed. `NotInHistory`: query again without `after`. */
export type QueryError = AllReadError | NotInHistory

/** Returns the events that match a query. */
export const runQuery = (
  lib: LibHandle,
  query: Query,
  options: QueryOptions = {}
): Effect.Effect<QueryResult, QueryError> =>
  Effect.gen(function* () {
    const { after, direction, limit, wanted } = yield* attempt<Taken, InvalidArgument>(() => take(query, options))
    // Whatever is appended while the events are read is beyond the boundary, so the append notices it.
    const to = lib.journal.durable.position
    const { lib: id } = lib.meta.state
    const lineage = lineageOf(lib.meta.state)
    const why = after === undefined ? undefined : whyNotInHistory(lib.meta.state, to, after)
    if (why !== undefined) return yield* notInHistory(lib, after!, why)
    // One more than wanted tells whether the limit left any out.
    const range = { from: after?.position ?? 0, to, direction, limit: limit + 1 }
    const events = yield* Stream.runCollect(readMatching(lib, range, compileQuery(wanted)))
    const isDecidable = events.length <= limit
    if (!isDecidable) events.pop()
    return { events, boundary: Boundary.of({ lib: id, lineage, position: to, isDecidable }) }
  })

interface Taken {
  readonly after: Boundary | undefined
  readonly direction: "forward" | "backward"
  readonly limit: number
  readonly wanted: Query
}

const take = (query: Query, options: QueryOptions): Taken => {
  const call = "EventStore.query"
  const wanted = takeQuery(call, "query", query)
  refuseWrongOptions(call, options, queryChecks)
  const { after = "nothing", direction = "forward", limit = Number.POSITIVE_INFINITY } = options
  return { after: after === "nothing" ? undefined : after, direction, limit, wanted }
}
