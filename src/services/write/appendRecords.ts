/** Appending records: encoded in the caller's fibre, put into a batch by the commit loop. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TapeArchived, TapeOwned } from "../../domain/format/Errors.ts"
import * as TaraSON from "../../domain/json/TaraSON.ts"
import type { TaraSONError } from "../../domain/json/TaraSONError.ts"
import { attempt } from "../base/attempt.ts"
import type { CommitError, CommitLoop } from "./CommitLoop.ts"
import type { Request } from "./CommitQueue.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { CommitGroup } from "./CommitGroup.ts"
import type { LoadError } from "../lib/TapeRegistry.ts"
import type { OpenTape } from "../lib/OpenTape.ts"

/** Records for one tape. */
export interface Append {
  readonly tape: string
  /** Plain objects that are lite: see `TaraSON`. */
  readonly records: ReadonlyArray<unknown>
}

/** Says where records went. They are durable. */
export interface Receipt {
  readonly tape: string
  /** Ordinal of the first record in its tape, from 0. */
  readonly firstOrdinal: number
  readonly records: number
  /** The batch in which they were committed, together with all others of the call. */
  readonly batch: number
}

/** What appending may fail with. After `CommitOutcomeUnknown` the batch may be there or not; after any other it is not. */
export type AppendError = CommitError | LoadError | TapeArchived | TapeOwned | TaraSONError

interface Part {
  readonly tape: OpenTape
  readonly texts: ReadonlyArray<string>
}

/** One atomic batch over several tapes. */
export const appendRecords = (
  lib: LibHandle,
  loop: CommitLoop,
  appends: ReadonlyArray<Append>
): Effect.Effect<ReadonlyArray<Receipt>, AppendError> =>
  Effect.suspend(() => {
    const refusal = lib.guard.refusal()
    if (refusal !== undefined) return Effect.fail(refusal)
    return Effect.flatMap(encodeAll(lib, appends), (parts) => {
      if (parts.every((part) => part.texts.length === 0))
        return Effect.succeed(receipts(parts, [], lib.journal.durable.batch))
      return loop.submit(request(lib, parts))
    })
  })

const encodeAll = (
  lib: LibHandle,
  appends: ReadonlyArray<Append>
): Effect.Effect<ReadonlyArray<Part>, LoadError | TapeArchived | TapeOwned | TaraSONError> => {
  const [only] = appends
  // The usual case, and the hot path: one tape that is open already.
  const opened = only === undefined ? undefined : lib.tapes.known(only.tape)
  if (appends.length === 1 && only !== undefined && opened !== undefined) {
    return attempt(() => [encode(lib, opened, only)])
  }
  return Effect.forEach(appends, (append) =>
    Effect.flatMap(lib.tapes.get(append.tape), (tape) =>
      attempt<Part, TapeArchived | TapeOwned | TaraSONError>(() => encode(lib, tape, append))
    )
  )
}

const encode = (lib: LibHandle, tape: OpenTape, append: Append): Part => {
  refuse(lib, tape)
  return { tape, texts: append.records.map((record) => TaraSON.encode(record, lib.meta.limits)) }
}

const refuse = (lib: LibHandle, tape: OpenTape): void => {
  const listed = lib.tapes.listing(tape.name)
  if (listed?.role === "events") throw new TapeOwned({ tape: tape.name })
  if (listed?.state === "archived") throw new TapeArchived({ tape: tape.name })
}

const request = (lib: LibHandle, parts: ReadonlyArray<Part>): Request<ReadonlyArray<Receipt>, TapeArchived> => {
  let bytesMax = 0
  for (const part of parts) for (const text of part.texts) bytesMax += Buffer.byteLength(text, "utf8") + 1
  const firsts: Array<number> = []
  return {
    bytesMax,
    addTo: (group: CommitGroup) => {
      // It may have been archived while this waited for its turn.
      for (const { tape } of parts) {
        if (lib.tapes.listing(tape.name)?.state === "archived") return Exit.fail(new TapeArchived({ tape: tape.name }))
      }
      for (const { tape, texts } of parts) {
        let first = -1
        for (const text of texts) {
          const ordinal = group.addRecord(tape, text)
          if (first === -1) first = ordinal
        }
        firsts.push(first)
      }
      return undefined
    },
    settle: (batch) => Exit.succeed(receipts(parts, firsts, batch))
  }
}

const receipts = (parts: ReadonlyArray<Part>, firsts: ReadonlyArray<number>, batch: number): ReadonlyArray<Receipt> =>
  parts.map(({ tape, texts }, index) => {
    const first = firsts[index]
    return {
      tape: tape.name,
      firstOrdinal: first === undefined || first === -1 ? tape.records : first,
      records: texts.length,
      batch
    }
  })
