/** What the generators are given, and what those of refused things give. */
import type * as fc from "fast-check"
import type { TaraSONError } from "../../../domain/json/TaraSONError.ts"
import type { NewEvent } from "../../../services/EventStore.ts"

/** The module `fast-check`. */
export type FastCheck = typeof fc

type Reason = TaraSONError["reason"]["_tag"]

/** A value that is no record; `TaraSON.encode` refuses it for `reason`. */
export interface RefusedRecord {
  readonly record: unknown
  readonly reason: Reason
}

/** Bytes that are no line of a segment; `TaraSON.parseCanonical` refuses them for `reason`. */
export interface RefusedLine {
  readonly line: Uint8Array
  readonly reason: Reason
}

/** An event that cannot be stored, and the tag of the error that says so. */
export interface RefusedEvent {
  readonly event: NewEvent
  readonly error: "InvalidEvent" | "TaraSONError"
}

/** What a history is made of; tapes and categories of streams must have different names. */
export interface HistoryOptions {
  readonly tapes?: ReadonlyArray<string>
  readonly streams?: ReadonlyArray<string>
  /** Default: 30. */
  readonly operationsMax?: number
}
