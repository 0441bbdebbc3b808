/** Parameters of the generators, and the values of those that generate what is refused. */
import type * as fc from "fast-check"
import type { TaraSONError } from "../../../domain/json/TaraSONError.ts"
import type { NewEvent } from "../../../services/EventStore.ts"

/** The module `fast-check`. */
export type FastCheck = typeof fc

type Reason = TaraSONError["reason"]["_tag"]

/** A value that is not a record. */
export interface RefusedRecord {
  /** The value that `TaraSON.encode` refuses. */
  readonly record: unknown
  /** Why it is refused. */
  readonly reason: Reason
}

/** Bytes that are not a line of a segment. */
export interface RefusedLine {
  /** The bytes that `TaraSON.parseCanonical` refuses. */
  readonly line: Uint8Array
  /** Why they are refused. */
  readonly reason: Reason
}

/** An event that cannot be stored. */
export interface RefusedEvent {
  /** The event that is refused. */
  readonly event: NewEvent
  /** Tag of the error. */
  readonly error: "InvalidEvent" | "TaraSONError"
}

/** A value that is not a query. */
export interface RefusedQuery {
  /** The value that `EventStore.query` and conditions refuse. */
  readonly query: unknown
  /** What is wrong in it: `[1].tags[0]` for a tag, empty for the value itself. The error's argument ends with this. */
  readonly at: string
}

/** What the items of a query are made of. */
export interface QueryParts {
  /** Types that items name. Default: `Opened`, `Changed`, `Closed`. */
  readonly types?: ReadonlyArray<string>
  /** Tags that items name. Default: `a`, `b`, `c`. */
  readonly tags?: ReadonlyArray<string>
}

/** What a history consists of. Tapes and categories of streams must have different names. */
export interface HistoryOptions {
  /** Names of the tapes. Default: `alpha`, `beta`, `gamma`. */
  readonly tapes?: ReadonlyArray<string>
  /** Names of the streams. Default: `order-1`, `order-2`, `acc-1`, `Ünï-☃`. */
  readonly streams?: ReadonlyArray<string>
  /** Operations in a history, at most. Default: 30. */
  readonly operationsMax?: number
}
