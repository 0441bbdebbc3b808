/** How an act of the `soak` campaign may end, and what may be found after it. */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import type { Act } from "../crashes/acts.ts"
import { Wrong } from "../crashes/session.ts"
import { afterAct, duringAct, type World } from "../crashes/world.ts"

/** When the disk last failed: since the act began, earlier in the life of this writer, or never in it. */
export type DiskFailed = "since" | "before" | "never"

/** Returns the tag of a typed error. Throws for a defect, an interruption or an error without a tag. */
export const tagOf = (exit: Exit.Failure<unknown, unknown>, what: string): string => {
  const { cause } = exit
  for (const reason of cause.reasons) if (reason._tag === "Die") throw reason.defect
  if (Cause.hasInterrupts(cause)) throw new Wrong(`${what} was interrupted, although nobody interrupted it`)
  const tag = (Cause.squash(cause) as { readonly _tag?: unknown } | null)?._tag
  if (typeof tag !== "string") throw new Wrong(`${what} failed with an untyped error: ${Cause.pretty(cause)}`)
  return tag
}

/** Errors of a writer that the disk has poisoned, in the failing call or later. */
export const stopped: ReadonlySet<string> = new Set(["CommitOutcomeUnknown", "WriterPoisoned"])

/**
 * Throws unless a failure of the disk explains the error. `StorageError` needs a failure since the act began, the
 * errors of a poisoned writer need one at any time in the life of that writer.
 */
export const checkReason = (tag: string, failed: DiskFailed, what: string): void => {
  if (failed === "never") throw new Wrong(`${what} failed with ${tag}, although the disk had not failed`)
  if (stopped.has(tag) || (tag === "StorageError" && failed === "since")) return
  throw new Wrong(`${what} failed with ${tag}, which a failure of the disk (${failed}) does not explain`)
}

const isAppend = (act: Act): boolean => act._tag === "append" || act._tag === "events"

/**
 * Returns the worlds that may be found after a failed act. The whole act may have taken effect only if the error leaves
 * that open: `CommitOutcomeUnknown` for an append, `WriterPoisoned` for a change of meta.
 */
export const worldsBehind = (before: World, act: Act, tag: string, failed: DiskFailed): ReadonlyArray<World> => {
  checkReason(tag, failed, nameOf(act))
  const during = duringAct(before, act)
  if (isAppend(act)) return tag === "CommitOutcomeUnknown" ? during : during.slice(0, -1)
  if (tag === "CommitOutcomeUnknown") throw new Wrong(`${nameOf(act)}, which commits nothing, failed with ${tag}`)
  return tag === "WriterPoisoned" ? during : during.slice(0, -1)
}

/** A kind of act. Each must succeed often enough (`missing`). */
export type ActName = Act["_tag"] | "append to several"

export const nameOf = (act: Act): ActName =>
  act._tag === "append" && act.parts.length > 1 ? "append to several" : act._tag

/** Returns whether an act that succeeded had anything to do. */
export const didSomething = (before: World, act: Act, value: unknown): boolean => {
  switch (act._tag) {
    case "create":
      return !before.has(act.tape)
    case "archive":
    case "activate":
      return before.get(act.tape)!.archived !== afterAct(before, act).get(act.tape)!.archived
    case "flush":
      return value !== undefined
    case "repack":
      return (value as { readonly added: ReadonlyArray<unknown> }).added.length > 0
    default:
      return true
  }
}

/**
 * Among this many acts, at least one of the kind must succeed and have something to do. By chance there are ten times
 * as many (tapes are created only at the beginning of each life). If there are fewer, that kind always fails or is
 * never done.
 */
const actsForOne: ReadonlyMap<ActName, number> = new Map([
  ["create", 100],
  ["events", 100],
  ["clone", 100],
  ["user", 100],
  ["append", 200],
  ["repack", 200],
  // Most of these have nothing to do.
  ["flush", 600],
  ["archive", 600],
  ["activate", 600],
  // Two tapes are seldom both active.
  ["append to several", 1200]
])

/** Returns a line for each kind of act that succeeded too seldom among `acts` acts. */
export const missing = (done: ReadonlyMap<string, number>, acts: number): Array<string> =>
  [...actsForOne].flatMap(([name, forOne]) => {
    const least = Math.floor(acts / forOne)
    const count = done.get(name) ?? 0
    return count < least ? [`of ${acts} acts, ${count} did "${name}": at least ${least} should have`] : []
  })
