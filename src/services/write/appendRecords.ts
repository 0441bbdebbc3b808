/** Appends records: encodes them in the caller's fibre and passes them to the commit loop. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { isArray } from "../../domain/base/isArray.ts"
import { anything, aText, type Checks, elementOf, shown, wrongOptions } from "../../domain/format/checkOptions.ts"
import { InvalidArgument, TapeArchived, TapeOwned } from "../../domain/format/Errors.ts"
import * as TaraSON from "../../domain/json/TaraSON.ts"
import type { TaraSONError } from "../../domain/json/TaraSONError.ts"
import { attempt } from "../base/attempt.ts"
import { inNewSpan, isTraced, type Span } from "../base/spans.ts"
import type { CommitError, CommitLoop } from "./CommitLoop.ts"
import type { Request } from "./CommitQueue.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { CommitGroup } from "./CommitGroup.ts"
import type { LoadError } from "../lib/TapeRegistry.ts"
import type { OpenTape } from "../lib/OpenTape.ts"

/** Records for one tape. */
export interface Append {
  /** Name of the tape. */
  readonly tape: string
  /**
   * Plain objects that `litetapes/TaraSON` can encode. Property `$type` must not begin with `LiteTape.` or `LiteLib.`.
   */
  readonly records: ReadonlyArray<unknown>
}

/** Place of appended records. They are durable. */
export interface Receipt {
  /** Name of the tape. */
  readonly tape: string
  /**
   * Ordinal of the first record in its tape, from 0. If there are no records, the ordinal that the next one would get.
   */
  readonly firstOrdinal: number
  /** Number of records that were appended. */
  readonly records: number
  /** Number of the batch that holds all records of the call. */
  readonly batch: number
}

/**
 * Errors of appending records. After `CommitOutcomeUnknown` the batch may be there or not: call `lib.reopen` and look.
 * After any other error nothing was appended.
 */
export type AppendError = CommitError | LoadError | TapeArchived | TapeOwned | TaraSONError | InvalidArgument

type EncodeError = TapeArchived | TapeOwned | TaraSONError | InvalidArgument

interface Part {
  readonly tape: OpenTape
  readonly texts: ReadonlyArray<string>
}

const appendChecks = { tape: aText, records: anything } satisfies Checks<Append>

/** Returns the error of a commit whose argument is not a list of appends, or `undefined`. */
export const wrongAppends = (appends: unknown): InvalidArgument | undefined => {
  const call = "Lib.commit"
  const why = `must be an array of objects, not ${shown(appends)}`
  if (!isArray(appends)) return new InvalidArgument({ call, argument: "appends", why })
  for (let at = 0; at < appends.length; at++) {
    const error = wrongOptions(call, elementOf(appends, at) ?? null, appendChecks, `appends[${at}]`)
    if (error !== undefined) return error
  }
  return undefined
}

/** Appends to several tapes as one atomic batch. */
export const appendRecords = (
  lib: LibHandle,
  loop: CommitLoop,
  appends: ReadonlyArray<Append>
): Effect.Effect<ReadonlyArray<Receipt>, AppendError> =>
  Effect.withFiber((fiber) =>
    isTraced(fiber)
      ? inNewSpan({ operation: "append", location: lib.location }, (span) =>
          Effect.map(encodeAndSubmit(lib, loop, appends, span), (made) => {
            noteReceipts(span, made)
            return made
          })
        )
      : encodeAndSubmit(lib, loop, appends, undefined)
  )

const encodeAndSubmit = (
  lib: LibHandle,
  loop: CommitLoop,
  appends: ReadonlyArray<Append>,
  span: Span | undefined
): Effect.Effect<ReadonlyArray<Receipt>, AppendError> => {
  const refusal = lib.guard.refusal()
  if (refusal !== undefined) return Effect.fail(refusal)
  return Effect.flatMap(encodeAll(lib, appends), (parts) => {
    if (parts.every((part) => part.texts.length === 0))
      return Effect.succeed(receipts(parts, [], lib.journal.durable.batch))
    return loop.submit(request(lib, parts, span))
  })
}

const noteReceipts = (span: Span, made: ReadonlyArray<Receipt>): void => {
  const [only] = made
  if (made.length === 1 && only !== undefined) span.attribute("litetapes.tape", only.tape)
  span.attribute(
    "litetapes.records",
    made.reduce((sum, { records }) => sum + records, 0)
  )
}

const encodeAll = (
  lib: LibHandle,
  appends: ReadonlyArray<Append>
): Effect.Effect<ReadonlyArray<Part>, LoadError | EncodeError> => {
  const [only] = appends
  // The usual case and the hot path: one tape, which is in use already.
  const opened = only === undefined ? undefined : lib.tapes.known(only.tape)
  if (appends.length === 1 && only !== undefined && opened !== undefined) {
    return attempt(() => [encode(lib, opened, only)])
  }
  return Effect.forEach(appends, (append) =>
    Effect.flatMap(lib.tapes.get(append.tape), (tape) => attempt<Part, EncodeError>(() => encode(lib, tape, append)))
  )
}

const encode = (lib: LibHandle, tape: OpenTape, append: Append): Part => {
  refuse(lib, tape)
  const { records } = append
  if (!isArray(records)) {
    const why = `must be an array, not ${shown(records)}`
    throw new InvalidArgument({ call: "Tape.append or Lib.commit", argument: "records", why })
  }
  const texts: Array<string> = []
  for (let at = 0; at < records.length; at++) texts.push(TaraSON.encode(elementOf(records, at), lib.meta.limits))
  return { tape, texts }
}

const refuse = (lib: LibHandle, tape: OpenTape): void => {
  const listed = lib.tapes.listing(tape.name)
  if (listed?.role === "events") throw new TapeOwned({ tape: tape.name })
  if (listed?.state === "archived") throw new TapeArchived({ tape: tape.name })
}

const request = (
  lib: LibHandle,
  parts: ReadonlyArray<Part>,
  span: Span | undefined
): Request<ReadonlyArray<Receipt>, TapeArchived> => {
  let bytesMax = 0
  for (const part of parts) for (const text of part.texts) bytesMax += Buffer.byteLength(text, "utf8") + 1
  const firsts: Array<number> = []
  return {
    bytesMax,
    span,
    addTo: (group: CommitGroup) => {
      // The tape may have been archived while this was queued.
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
