/**
 * Merges small segments at the ends of tapes: in the background after closes, and before the clean end of a lib, so that
 * a program that never runs for long merges too (decision 0036).
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { bytesOfLast, mergeDue } from "../../domain/segment/mergePolicy.ts"
import type { LibHandle, WriterSettings } from "../lib/LibHandle.ts"
import type { Segment } from "../../domain/meta/SystemRecord.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { Leave } from "../lib/WriterGuard.ts"

/** Returns how many of these segments, the last ones, to merge now; 0 for none. */
type Choose = (segments: ReadonlyArray<Segment>) => number

/** Merges the last segments of a tape into one of about `targetBytes`, or a few. `choose` is asked once, when it begins. */
export type Merge = (
  lib: LibHandle,
  tape: OpenTape,
  merge: { readonly targetBytes: number; readonly choose: Choose; readonly leave: Leave }
) => Effect.Effect<void, { readonly message: string }>

/** Number of tapes that are merged at the same time at the clean end, as they are flushed. */
const tapesAtOnce = 8

export class Merging {
  readonly #lib: LibHandle
  readonly #scope: Scope.Scope
  readonly #merge: Merge
  readonly #running = Semaphore.makeUnsafe(1)
  /** The tape that was merged last in the background. The next merges begin after it. */
  #last: OpenTape | undefined
  /** Segments that could not be read. They and those before them are left until the lib is opened again. */
  readonly #unreadable = new WeakMap<OpenTape, string>()

  constructor(lib: LibHandle, scope: Scope.Scope, merge: Merge) {
    this.#lib = lib
    this.#scope = scope
    this.#merge = merge
  }

  /** Starts the merges that are due after a close, unless those after an earlier one still run. */
  readonly inBackground: Effect.Effect<void> = Effect.suspend(() => {
    const { guard, settings } = this.#lib
    if (settings.mergeSegments === false || guard.refusal() !== undefined) return Effect.void
    return Effect.asVoid(Effect.forkIn(this.#running.withPermitsIfAvailable(1)(this.#mergeAll), this.#scope))
  })

  /** Waits for the merges in the background. */
  readonly ended: Effect.Effect<void> = this.#running.withPermit(Effect.void)

  /** Merges a little before the clean end. A failure is logged: the lib is closed without these merges. */
  readonly atEnd: Effect.Effect<void> = Effect.suspend(() => {
    const { guard, settings, tapes } = this.#lib
    if (settings.mergeSegments !== undefined) return Effect.void
    const budget = new Budget(settings.closeBytes / endShare)
    const count = bySizes(settings, endShare)
    return Effect.forEach(tapes.inUse, (tape) => this.#mergeOne(tape, count, budget, guard.atEnd), {
      concurrency: tapesAtOnce,
      discard: true
    })
  })

  readonly #mergeAll: Effect.Effect<void> = Effect.suspend(() => {
    const { guard, settings, tapes } = this.#lib
    const { closeBytes, mergeSegments } = settings
    // The policy with a number bounds nothing but the number of segments.
    const budget = new Budget(mergeSegments === undefined ? closeBytes / runShare : Number.POSITIVE_INFINITY)
    const count = mergeSegments === undefined ? bySizes(settings, runShare) : byNumber(closeBytes, mergeSegments)
    const next = this.#last === undefined ? 0 : tapes.inUse.indexOf(this.#last) + 1
    const inTurn = [...tapes.inUse.slice(next), ...tapes.inUse.slice(0, next)]
    return Effect.forEach(inTurn, (tape) => this.#mergeOne(tape, count, budget, guard), { discard: true })
  })

  /**
   * Returns the last segments that may be merged. A recovery leaves files that it did not use, and recognises them the next
   * time by the segments that it adopted next to them, so those stay until somebody repacks the tape. No segment may have
   * records from both sides of a loss.
   */
  #mergeable({ state }: OpenTape, segments: ReadonlyArray<Segment>, unreadable?: string): ReadonlyArray<Segment> {
    const loss = state.lost.at(-1)?.ordinal ?? 0
    const stays = ({ firstOrdinal, name, number }: Segment) =>
      number < state.takenNumbers || firstOrdinal < loss || name === unreadable
    return segments.slice(segments.findLastIndex(stays) + 1)
  }

  #mergeOne(tape: OpenTape, count: Choose, budget: Budget, leave: Leave): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (budget.isSpent || count(this.#mergeable(tape, tape.state.segments, this.#unreadable.get(tape))) === 0)
        return Effect.void
      const { location, settings } = this.#lib
      // Asked again when the merge begins: meanwhile a flush may have added a segment.
      const choose: Choose = (segments) => {
        const due = count(this.#mergeable(tape, segments, this.#unreadable.get(tape)))
        if (!budget.take(bytesOfLast(segments, due))) return 0
        this.#last = tape
        return due
      }
      const merging = Effect.catch(
        this.#merge(this.#lib, tape, { targetBytes: settings.closeBytes, choose, leave }),
        (error) => {
          if (this.#lib.guard.isClosed && leave === this.#lib.guard) return Effect.void
          const warning = Effect.logWarning(
            `litetapes: ${location}: the segments of tape ${tape.name} were not merged: ${error.message}`
          )
          if (!("segment" in error) || typeof error.segment !== "string") return warning
          // Those after it can be merged all the same.
          this.#unreadable.set(tape, error.segment)
          return Effect.andThen(warning, this.#mergeOne(tape, count, budget, leave))
        }
      )
      // Such as a file of this package that is no longer there. A merge may wait; the end of the lib must not.
      return Effect.catchDefect(merging, (defect) =>
        Effect.logError(
          `litetapes: ${location}: a defect kept the segments of tape ${tape.name} from being merged`,
          defect
        )
      )
    })
  }
}

/** Bytes that the merges after one close may still copy. The first that exceeds them ends the merges. */
class Budget {
  #left: number
  #spent = false

  constructor(bytes: number) {
    this.#left = bytes
  }

  get isSpent(): boolean {
    return this.#spent
  }

  take(bytes: number): boolean {
    this.#spent ||= bytes > this.#left
    if (!this.#spent) this.#left -= bytes
    return !this.#spent
  }
}

/** Shares of `closeBytes`: a small segment, all merges after one close, all merges before the clean end. */
const smallShare = 16
const runShare = 4
const endShare = 64

/** The policy by default, with at most this share of `closeBytes` in one merge. */
const bySizes = ({ closeBytes }: WriterSettings, share: number): Choose => {
  const bounds = { smallBytes: closeBytes / smallShare, runBytesMax: closeBytes / share }
  return (segments) => mergeDue(segments, bounds)
}

/** The policy with a number: merges all segments at the end that are smaller than half of `closeBytes`. */
const byNumber =
  (closeBytes: number, mergeSegments: number | false): Choose =>
  (segments) => {
    const last = segments.findLastIndex((segment) => segment.rawBytes >= closeBytes / 2)
    const count = segments.length - 1 - last
    return mergeSegments !== false && count >= mergeSegments ? count : 0
  }
