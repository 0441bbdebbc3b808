/**
 * Merges small segments at the ends of tapes: in the background after closes, and before the clean end of a lib, so that
 * a program that never runs for long merges too (decision 0036).
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { bytesOfLast, mergeDue } from "../../domain/segment/mergePolicy.ts"
import type { LibHandle, WriterSettings } from "../lib/LibHandle.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { Leave } from "../lib/WriterGuard.ts"

/** Merges the last `count` segments of a tape into one of about `targetBytes`, or a few. */
export type Merge = (
  lib: LibHandle,
  tape: OpenTape,
  merge: { readonly targetBytes: number; readonly count: number; readonly leave: Leave }
) => Effect.Effect<void, { readonly message: string }>

/** A merge that is due. */
interface Due {
  readonly tape: OpenTape
  readonly count: number
  readonly bytes: number
}

/** Number of tapes that are merged at the same time at the clean end, as they are flushed. */
const tapesAtOnce = 8

export class Merging {
  readonly #lib: LibHandle
  readonly #scope: Scope.Scope
  readonly #merge: Merge
  readonly #running = Semaphore.makeUnsafe(1)
  /** The tape that was merged last in the background. The next merges begin after it. */
  #last: OpenTape | undefined

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
    const bytesMax = settings.closeBytes / endShare
    const bounds = { smallBytes: settings.closeBytes / smallShare, runBytesMax: bytesMax }
    const due = tapes.inUse.map((tape) => dueOf(tape, mergeDue(tape.state.segments, bounds)))
    return Effect.forEach(within(bytesMax, due), (merge) => this.#run(merge, guard.atEnd), {
      concurrency: tapesAtOnce,
      discard: true
    })
  })

  readonly #mergeAll: Effect.Effect<void> = Effect.suspend(() => {
    const { guard, settings, tapes } = this.#lib
    const inUse = tapes.inUse
    const next = this.#last === undefined ? 0 : inUse.indexOf(this.#last) + 1
    const due = [...inUse.slice(next), ...inUse.slice(0, next)].map((tape) => dueOf(tape, countDue(tape, settings)))
    // A number that was given bounds nothing but the number of segments.
    const bytesMax = settings.mergeSegments === undefined ? settings.closeBytes / runShare : Number.POSITIVE_INFINITY
    return Effect.forEach(
      within(bytesMax, due),
      (merge) => {
        this.#last = merge.tape
        return this.#run(merge, guard)
      },
      { discard: true }
    )
  })

  #run({ count, tape }: Due, leave: Leave): Effect.Effect<void> {
    const { location, settings } = this.#lib
    return Effect.catch(
      this.#merge(this.#lib, tape, { targetBytes: settings.closeBytes, count, leave }),
      (error) =>
        this.#lib.guard.isClosed && leave === this.#lib.guard
          ? Effect.void
          : Effect.logWarning(
              `litetapes: ${location}: the segments of tape ${tape.name} were not merged, the next close tries again: ${error.message}`
            )
    )
  }
}

/** Shares of `closeBytes`: a small segment, all merges after one close, all merges before the clean end. */
const smallShare = 16
const runShare = 4
const endShare = 64

const countDue = (tape: OpenTape, { closeBytes, mergeSegments }: WriterSettings): number => {
  const { segments } = tape.state
  if (mergeSegments === undefined) {
    return mergeDue(segments, { smallBytes: closeBytes / smallShare, runBytesMax: closeBytes / runShare })
  }
  // The policy with a number: as soon as so many segments at the end are smaller than half of `closeBytes`.
  const last = segments.findLastIndex((segment) => segment.rawBytes >= closeBytes / 2)
  const count = segments.length - 1 - last
  return mergeSegments !== false && count >= mergeSegments ? count : 0
}

const dueOf = (tape: OpenTape, count: number): Due => ({ tape, count, bytes: bytesOfLast(tape.state.segments, count) })

/** Returns the merges, in order, until one would exceed the bytes. The first of them is always within. */
const within = (bytesMax: number, due: ReadonlyArray<Due>): Array<Due> => {
  let left = bytesMax
  const taken: Array<Due> = []
  for (const merge of due) {
    if (merge.count === 0) continue
    left -= merge.bytes
    if (left < 0) break
    taken.push(merge)
  }
  return taken
}
