/** The operations of a history. */
import type { Json, JsonObject } from "../../../domain/json/Json.ts"
import type { NewEvent, Query } from "../../../services/EventStore.ts"
import type { Append } from "../../../services/Lib.ts"
import type { RepackOptions } from "../../../services/Tape.ts"

/**
 * One operation. A tape that does not exist is created first. Tapes and categories of streams must have different
 * names, because a tape holds either records or events.
 */
export type Operation =
  | { readonly op: "append"; readonly tape: string; readonly records: ReadonlyArray<JsonObject> }
  | {
      readonly op: "commit"
      readonly appends: ReadonlyArray<Append & { readonly records: ReadonlyArray<JsonObject> }>
    }
  /** `stale` expects a revision that the stream does not have, so it must be refused. */
  | {
      readonly op: "events"
      readonly stream: string
      readonly events: ReadonlyArray<NewEvent>
      readonly expected: "any" | "current" | "stale"
    }
  /**
   * Repeats an append of events that succeeded, with the ids that it gave and other metadata: nothing may be appended.
   */
  | { readonly op: "again"; readonly pick: number }
  /**
   * Queries, and appends on condition that no event that matches was appended after a boundary: that of the query if
   * `since` is 0, else the one of that many decisions ago. The append must fail exactly if there is such an event.
   */
  | {
      readonly op: "decide"
      readonly stream: string
      readonly events: ReadonlyArray<NewEvent>
      readonly query: Query
      readonly since: number
    }
  | OnTape<"flush" | "archive" | "activate" | "verify">
  | { readonly op: "repack"; readonly tape: string; readonly options: RepackOptions }
  | { readonly op: "clone"; readonly tape: string; readonly to: string }
  /** `undefined` removes the key. */
  | { readonly op: "userMeta"; readonly tape: string; readonly key: string; readonly value: Json | undefined }
  /** A reader, opened while the writer runs, sees what was acknowledged. */
  | { readonly op: "reader" }
  /** Backs the lib up to `<place>-backup`, over the backup before it; a reader and a restored lib have the same content. */
  | { readonly op: "backup" }
  /** Closes the lib and opens it again. */
  | { readonly op: "reopen" }
  /** Stops the writer as if its process had been killed; then the lib is opened again. */
  | { readonly op: "kill" }

type OnTape<Name extends string> = Name extends string ? { readonly op: Name; readonly tape: string } : never
