/** Answers to requests, as the process of the writer sends them. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { isCount } from "../../domain/format/checkOptions.ts"
import { parseTrusted } from "../../domain/json/TaraSON.ts"
import type { AppendResult } from "../../services/streams/AppendRequest.ts"
import type { EventAppendError } from "../../services/streams/EventAppender.ts"
import { errorFromJson, errorToJson } from "./errorForms.ts"

/** What became of a request. `moved`: nothing is known of it, or it was not done; ask the next writer with the same ids. */
export type Answer =
  | { readonly kind: "results"; readonly results: ReadonlyArray<Omit<AppendResult, "stream">> }
  | { readonly kind: "failed"; readonly error: EventAppendError }
  | { readonly kind: "defect"; readonly message: string }
  | { readonly kind: "moved" }

/** Errors after which the next writer is asked: this one has stopped, or closes. */
const ofTheWriter: ReadonlySet<string> = new Set(["CommitOutcomeUnknown", "WriterPoisoned", "LibClosed", "ReadOnly"])

/** Returns the answer for how an append ended, without its number. */
export const answerOf = (exit: Exit.Exit<ReadonlyArray<AppendResult>, EventAppendError>): string => {
  if (Exit.isSuccess(exit)) return `"results":${JSON.stringify(exit.value.map(rowOf))}}`
  if (Cause.hasInterrupts(exit.cause)) return moved
  const error = Cause.squash(exit.cause)
  const tag = typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
  if (typeof tag === "string" && ofTheWriter.has(tag)) return moved
  const json = Cause.hasDies(exit.cause) ? undefined : errorToJson(error)
  if (json !== undefined) return `"error":${JSON.stringify(json)}}`
  return `"defect":${JSON.stringify(error instanceof Error ? error.message : String(error))}}`
}

export const moved = `"moved":true}`

const rowOf = ({ firstPosition, firstRevision, lastPosition, lastRevision, repeated }: AppendResult) => [
  firstRevision,
  lastRevision,
  firstPosition,
  lastPosition,
  repeated
]

/** Returns the number of a request and its answer; `undefined` if the text is not an answer. */
export const readAnswer = (text: string): { readonly number: number; readonly answer: Answer } | undefined => {
  try {
    const given = parseTrusted(text) as Readonly<Record<string, unknown>>
    const { number } = given
    const answer = answerIn(given)
    return isCount(number) && answer !== undefined ? { number, answer } : undefined
  } catch {
    return undefined
  }
}

const answerIn = ({ defect, error, moved, results }: Readonly<Record<string, unknown>>): Answer | undefined => {
  if (Array.isArray(results) && results.every(isRow)) {
    return {
      kind: "results",
      results: results.map(([firstRevision, lastRevision, firstPosition, lastPosition, repeated]) => ({
        firstRevision,
        lastRevision,
        firstPosition,
        lastPosition,
        repeated
      }))
    }
  }
  if (moved === true) return { kind: "moved" }
  if (typeof defect === "string") return { kind: "defect", message: defect }
  const failure = error === undefined ? undefined : errorFromJson(error)
  return failure === undefined ? undefined : { kind: "failed", error: failure }
}

type Row = readonly [number, number, number, number, boolean]

const isRow = (row: unknown): row is Row =>
  Array.isArray(row) &&
  row.length === 5 &&
  row.slice(0, 4).every((one) => isCount(one) || one === -1) &&
  typeof row[4] === "boolean"
