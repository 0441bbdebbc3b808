/** Judges how an operation on a hostile lib ends: it must succeed or fail with a typed error of the package. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as DomainEvent from "../../../src/domain/event/Event.ts"
import * as Errors from "litetapes/Errors"
import * as EventErrors from "litetapes/EventErrors"
import * as Names from "litetapes/Names"
import * as Placement from "litetapes/Placement"
import * as Proof from "litetapes/Proof"
import { StorageError } from "litetapes/Storage"
import { TaraSONError } from "litetapes/TaraSONError"

type ErrorClass = abstract new (...args: never) => Error

const isClass = (value: unknown): value is ErrorClass => typeof value === "function" && value.prototype instanceof Error

const known: ReadonlySet<unknown> = new Set([
  ...[Errors, EventErrors, Names, Placement, Proof, DomainEvent].flatMap((module) =>
    Object.values(module).filter(isClass)
  ),
  StorageError,
  TaraSONError
])

const tags: ReadonlySet<string> = new Set([...known].map((one) => (one as { readonly name: string }).name))

/** Returns whether a finding of `verify` names an error of the package. */
export const isTag = (tag: string): boolean => tags.has(tag)

/** Errors say where and how much, never what: the length of a message does not depend on the input. */
const messageLengthMax = 1000

/** Phrases with which the engine reports bugs. No message of the library contains them. */
const engineWords =
  /Cannot (?:read|convert|destructure|mix|set)|is not (?:a function|iterable|a constructor)|Invalid (?:array|typed array|string) length|argument must be|ERR_[A-Z]|out of (?:range|bounds)|Maximum call stack|allocation failed|a defect|Invalid time value|Received /

/** Returns what is wrong with a message, or `undefined`. */
export const blameMessage = (message: string): string | undefined => {
  if (message.length > messageLengthMax) return `a message of ${message.length} characters: ${message.slice(0, 300)}`
  return engineWords.test(message) ? `reports a bug of ours: ${message}` : undefined
}

/** Returns `ok` or the tag of the error; with `blame` if the operation must not end like that. */
export const judge = (exit: Exit.Exit<unknown, unknown>): { readonly tag: string; readonly blame?: string } => {
  if (Exit.isSuccess(exit)) return { tag: "ok" }
  const { cause } = exit
  if (Cause.hasDies(cause)) return { tag: "defect", blame: `died: ${Cause.pretty(cause).slice(0, 1500)}` }
  const error = Cause.squash(cause)
  if (Cause.hasInterrupts(cause)) return { tag: "interrupted", blame: "was interrupted" }
  if (!(error instanceof Error) || !known.has(error.constructor)) {
    return { tag: "untyped", blame: `failed with ${String(error).slice(0, 300)}` }
  }
  const blame = blameMessage(error.message)
  const tag = (error as unknown as { readonly _tag: string })._tag
  return blame === undefined ? { tag } : { tag, blame: `${tag} ${blame}` }
}
