/** What an act of a soak may end in, and what may be found behind it. */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import type { Act } from "../crashes/acts.ts"
import { Wrong } from "../crashes/session.ts"
import { afterAct, duringAct, type World } from "../crashes/world.ts"

/** When the disk last said no: since the act began, earlier in the life of this writer, or not at all in it. */
export type DiskFailed = "since" | "before" | "never"

/** The tag of an error that has a type; anything else must not be. */
export const tagOf = (exit: Exit.Failure<unknown, unknown>, what: string): string => {
  const { cause } = exit
  for (const reason of cause.reasons) if (reason._tag === "Die") throw reason.defect
  if (Cause.hasInterrupts(cause)) throw new Wrong(`${what} was interrupted by nobody`)
  const tag = (Cause.squash(cause) as { readonly _tag?: unknown } | null)?._tag
  if (typeof tag !== "string") throw new Wrong(`${what} failed with an error without a type: ${Cause.pretty(cause)}`)
  return tag
}

/** What a writer that the disk has stopped says, at once or later. */
export const stopped: ReadonlySet<string> = new Set(["CommitOutcomeUnknown", "WriterPoisoned"])

/**
 * Sees that only the disk is a reason to fail: by `StorageError` where it failed since, by what a stopped writer says where
 * it failed at any time of that writer's life.
 */
export const checkReason = (tag: string, failed: DiskFailed, what: string): void => {
  if (failed === "never") throw new Wrong(`${what} failed with ${tag}, though the disk had not failed`)
  if (stopped.has(tag) || (tag === "StorageError" && failed === "since")) return
  throw new Wrong(`${what} failed with ${tag}, which is none of what a disk that failed (${failed}) leads to`)
}

const isAppend = (act: Act): boolean => act._tag === "append" || act._tag === "events"

/**
 * The worlds that may be found behind an act that failed. All that was asked for may be there only behind an error that
 * leaves it open: for appends that is `CommitOutcomeUnknown` and nothing else, for a change of meta the `WriterPoisoned` of
 * a writer that stopped while it made that change.
 */
export const worldsBehind = (before: World, act: Act, tag: string, failed: DiskFailed): ReadonlyArray<World> => {
  checkReason(tag, failed, nameOf(act))
  const during = duringAct(before, act)
  if (isAppend(act)) return tag === "CommitOutcomeUnknown" ? during : during.slice(0, -1)
  if (tag === "CommitOutcomeUnknown") throw new Wrong(`${nameOf(act)}, which commits nothing, failed with ${tag}`)
  return tag === "WriterPoisoned" ? during : during.slice(0, -1)
}

/** Kinds of acts, each of which must have been done. */
export type ActName = Act["_tag"] | "append to several"

export const nameOf = (act: Act): ActName =>
  act._tag === "append" && act.parts.length > 1 ? "append to several" : act._tag

/** Whether an act that succeeded had anything to do. */
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
 * How many acts there are, at most, for one of a kind that succeeded and had something to do. By chance there are ten times
 * as many (tapes are created only at the beginning of each life): where there are less, that kind fails, or is not done.
 */
const actsForOne: ReadonlyMap<ActName, number> = new Map([
  ["create", 100],
  ["events", 100],
  ["clone", 100],
  ["user", 100],
  ["append", 200],
  ["repack", 200],
  // Most of them find nothing to do.
  ["flush", 600],
  ["archive", 600],
  ["activate", 600],
  // Two tapes are seldom both active.
  ["append to several", 1200]
])

/** In words, each kind of act that succeeded too seldom among so many acts. */
export const missing = (done: ReadonlyMap<string, number>, acts: number): Array<string> =>
  [...actsForOne].flatMap(([name, forOne]) => {
    const least = Math.floor(acts / forOne)
    const count = done.get(name) ?? 0
    return count < least ? [`of ${acts} acts, ${count} did "${name}": at least ${least} should have`] : []
  })
