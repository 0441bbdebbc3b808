/** What a history is made of. */
import type { Json, JsonObject } from "../../../domain/json/Json.ts"
import type { NewEvent } from "../../../services/EventStore.ts"
import type { Append } from "../../../services/Lib.ts"
import type { RepackOptions } from "../../../services/Tape.ts"

/**
 * One thing that is done. A tape that is not there is made first. Tapes and categories of streams must have different
 * names: a tape holds records or events.
 */
export type Operation =
  | { readonly op: "append"; readonly tape: string; readonly records: ReadonlyArray<JsonObject> }
  | {
      readonly op: "commit"
      readonly appends: ReadonlyArray<Append & { readonly records: ReadonlyArray<JsonObject> }>
    }
  /** `stale` expects a revision that the stream does not have: it must be refused. */
  | {
      readonly op: "events"
      readonly stream: string
      readonly events: ReadonlyArray<NewEvent>
      readonly expected: "any" | "current" | "stale"
    }
  /** An append of events that went through, once more, with the ids that it gave: nothing may be appended. */
  | { readonly op: "again"; readonly pick: number }
  | OnTape<"flush" | "archive" | "activate" | "verify">
  | { readonly op: "repack"; readonly tape: string; readonly options: RepackOptions }
  | { readonly op: "clone"; readonly tape: string; readonly to: string }
  /** `undefined` removes. */
  | { readonly op: "userMeta"; readonly tape: string; readonly key: string; readonly value: Json | undefined }
  /** A reader beside the writer sees what was acknowledged. */
  | { readonly op: "reader" }
  /** Closes the lib and opens it again. */
  | { readonly op: "reopen" }
  /** The writer cannot write any more, as if its process had been killed; then the lib is opened again. */
  | { readonly op: "kill" }

type OnTape<Name extends string> = Name extends string ? { readonly op: Name; readonly tape: string } : never
