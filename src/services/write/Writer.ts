/**
 * The writer of a lib: the commit loop, rolling to the next dynamic segment, and closing full ones in the background
 * with a bounded backlog.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { headerLine } from "../../domain/journal/DynamicSegment.ts"
import type { WriterPoisoned } from "../../domain/format/Errors.ts"
import { closeClean, closeOldest, flushFile, type FlushError, isDue } from "./flush.ts"
import { keepTracer, withoutParent } from "../base/spans.ts"
import { Aging } from "./Aging.ts"
import { CommitLoop } from "./CommitLoop.ts"
import { type Merge, Merging } from "./Merging.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { WriteError } from "../lib/WriterGuard.ts"
import { DynamicEvents } from "../journal/DynamicEvents.ts"
import { DynamicFile } from "../journal/DynamicFile.ts"
import type { LoadError } from "../lib/TapeRegistry.ts"
import type { OpenTape } from "../lib/OpenTape.ts"

export interface Writer {
  readonly loop: CommitLoop
  /** Runs `effect` while nothing is committed or closed. Afterwards the current dynamic segment rolls soon. */
  readonly exclusively: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E | WriteError>
  /**
   * Closes the writer: waits for queued requests, flushes all tapes, records the clean end in lib meta. Runs once;
   * later calls get the same outcome.
   */
  readonly close: Effect.Effect<void, FlushError | LoadError>
}

/** Starts the writer's fibres in `scope`. `merge` carries out the merges that `Merging` decides on. */
export const start = Effect.fnUntraced(function* (
  lib: LibHandle,
  scope: Scope.Scope,
  merge: Merge
): Effect.fn.Return<Writer> {
  const rolling = new Rolling(lib, scope, merge)
  const aging = new Aging(lib)
  const traced = yield* keepTracer
  const loop = new CommitLoop(lib, rolling.beforeGroup, () => aging.noteBatch())
  for (const work of [loop.run, rolling.closer, aging.run(loop.nudge)]) yield* Effect.forkIn(withoutParent(work), scope)
  yield* rolling.wakeCloser
  // A takeover has put the last batch there.
  if (lib.journal.current.hasBatches) aging.noteBatch()
  // Runs once, however many call it. It continues if the first caller is interrupted.
  let ended: Deferred.Deferred<void, FlushError | LoadError> | undefined
  const close = Effect.suspend(() => {
    if (ended !== undefined) return Deferred.await(ended)
    lib.guard.close()
    const done = Deferred.makeUnsafe<void, FlushError | LoadError>()
    ended = done
    const end = Effect.onExit(traced(Effect.andThen(loop.drain, rolling.end)), (exit) => Deferred.done(done, exit))
    return Effect.andThen(Effect.forkDetach(Effect.uninterruptible(end)), Deferred.await(done))
  })
  const changeSoon = Effect.sync(() => aging.makeOld())
  const exclusively = <A, E>(effect: Effect.Effect<A, E>) =>
    // In this order, because a loop that waits for the backlog needs the closer.
    loop.exclusively(rolling.withoutClosing(Effect.ensuring(effect, changeSoon)))
  return { loop, exclusively, close }
})

class Rolling {
  readonly #lib: LibHandle
  readonly #scope: Scope.Scope
  readonly #merging: Merging
  readonly #closing = Semaphore.makeUnsafe(1)
  readonly #preparing = Semaphore.makeUnsafe(1)
  /** Open while there is something to close. */
  readonly #work = Latch.makeUnsafe(false)
  /** Opened whenever the backlog becomes shorter, or cannot. */
  readonly #progress = Latch.makeUnsafe(false)
  #prepared: DynamicFile | undefined
  #preparation = false
  /** Set once nothing more is committed. Then the clean end closes the remaining files. */
  #ended = false

  constructor(lib: LibHandle, scope: Scope.Scope, merge: Merge) {
    this.#lib = lib
    this.#scope = scope
    this.#merging = new Merging(lib, scope, merge)
  }

  /** Runs `effect` while no dynamic segment is closed. */
  withoutClosing<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.#closing.withPermit(effect)
  }

  readonly wakeCloser: Effect.Effect<void> = Effect.suspend(() => Effect.asVoid(this.#work.open))

  /** Runs between two batches. Rolls to the next dynamic segment if the current one is due. */
  readonly beforeGroup: Effect.Effect<void, WriterPoisoned> = Effect.suspend(() => {
    if (this.#ended) return Effect.void
    const lib = this.#lib
    const prepareSoon =
      lib.journal.current.size >= lib.settings.closeBytes / 2 ? this.#prepareInBackground : Effect.void
    return Effect.flatMap(isDue(lib), (due) => (due ? this.#change : prepareSoon))
  })

  readonly #change: Effect.Effect<void, WriterPoisoned> = Effect.gen({ self: this }, function* () {
    yield* this.#waitForBacklog
    const next = yield* this.#prepare
    if (next === undefined) return
    this.#prepared = undefined
    this.#lib.journal.roll(next)
    yield* this.wakeCloser
  })

  readonly #waitForBacklog: Effect.Effect<void, WriterPoisoned> = Effect.suspend(() => {
    const lib = this.#lib
    if (lib.guard.cause !== undefined) return Effect.fail(lib.guard.stop(lib.guard.cause))
    // A file that is stuck until its tape is recovered must not block appends for ever.
    if (lib.journal.files.length - 1 < lib.settings.backlogMax || lib.journal.files[0]!.stuck !== undefined)
      return Effect.void
    return this.#progress.close.pipe(
      Effect.andThen(this.wakeCloser),
      Effect.andThen(this.#progress.await),
      Effect.andThen(this.#waitForBacklog)
    )
  })

  /**
   * Creates and lists the next dynamic segment, so that rolling to it is only a pointer. Returns `undefined` once the lib
   * has ended: nothing may be written after its `Clean`.
   */
  readonly #prepare: Effect.Effect<DynamicFile | undefined, WriterPoisoned> = this.#preparing.withPermit(
    Effect.uninterruptible(
      Effect.gen({ self: this }, function* () {
        if (this.#ended || this.#prepared !== undefined) return this.#prepared
        const lib = this.#lib
        const dynamic = lib.meta.state.highest + 1
        const header = headerLine({ dynamic, epoch: lib.meta.state.epoch, lib: lib.meta.state.lib })
        const writer = yield* lib.guard.step(lib.root.journal.create(dynamic, header))
        yield* lib.meta.append({ $type: "LiteLib.Dynamic", dynamic })
        const { durable: anchor } = lib.journal
        this.#prepared = new DynamicFile({ dynamic, writer, size: header.length, anchor, events: new DynamicEvents() })
        return this.#prepared
      })
    )
  )

  readonly #prepareInBackground: Effect.Effect<void> = Effect.suspend(() => {
    if (this.#preparation || this.#prepared !== undefined || this.#lib.guard.isClosed) return Effect.void
    this.#preparation = true
    const done = Effect.sync(() => {
      this.#preparation = false
    })
    const prepare = this.#orStop(Effect.asVoid(Effect.ignore(this.#prepare)))
    return Effect.asVoid(Effect.forkIn(Effect.ensuring(prepare, done), this.#scope))
  })

  /** Closes dynamic segments, oldest first, whenever there are any to close. */
  readonly closer: Effect.Effect<never> = Effect.forever(
    Effect.gen({ self: this }, function* () {
      yield* this.#work.await
      yield* this.#work.close
      yield* this.#orStop(this.#closing.withPermit(this.#closeAll))
      yield* this.#merging.inBackground
    })
  )

  /** A defect of this library stops the writer, and ends every wait. */
  #orStop(effect: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.catchCause(effect, (cause) =>
      Effect.suspend(() => {
        if (Cause.hasInterrupts(cause)) return Effect.void
        this.#lib.guard.stop(`a defect of litetapes: ${Cause.pretty(cause)}`)
        return Effect.andThen(
          Effect.logError(
            `litetapes: ${this.#lib.location}: a defect stopped the writer. Close the lib, open it again, and report this.`,
            cause
          ),
          this.#progress.open
        )
      })
    )
  }

  readonly #closeAll: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const lib = this.#lib
    while (lib.journal.files.length > 1 && lib.guard.cause === undefined && !this.#ended) {
      const stuck = yield* Effect.match(closeOldest(lib), {
        onFailure: (error) => error.message,
        onSuccess: (why) => why
      })
      // A failure that stopped the writer is nothing that a recovery of the tape could mend.
      if (stuck !== undefined && lib.guard.cause === undefined) yield* this.#passBy(stuck)
      yield* this.#progress.open
      if (stuck !== undefined) return
    }
    yield* this.#progress.open
  })

  /** The oldest file is stuck, so the later ones must stay too. Flushes their other tapes. */
  #passBy(stuck: string): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const lib = this.#lib
      const [oldest, ...behind] = lib.journal.files.slice(0, -1)
      if (oldest?.markStuck(stuck) === true) {
        yield* Effect.logWarning(
          `litetapes: ${lib.location}: dynamic segments cannot be closed and stay, nothing is lost: ${stuck}`
        )
      }
      for (const file of behind) yield* Effect.ignore(flushFile(lib, file))
    })
  }

  /**
   * Waits for every change that had begun when the lib was closed. Those that wait for a lock find the lib closed once
   * they get it. Repacks are interrupted, and clean up after themselves.
   */
  readonly #afterChanges: Effect.Effect<void> = Effect.suspend(() => {
    this.#ended = true
    const { tapes } = this.#lib
    const afterTape = (tape: OpenTape) =>
      Effect.andThen(tape.repacking.withPermit(Effect.void), tape.lock.withPermit(Effect.void))
    return this.#merging.ended.pipe(
      Effect.andThen(tapes.exclusively(Effect.void)),
      Effect.andThen(Effect.suspend(() => Effect.forEach(tapes.inUse, afterTape, { discard: true })))
    )
  })

  /** Ends the lib cleanly, after the last commit. */
  readonly end: Effect.Effect<void, FlushError | LoadError> = Effect.uninterruptible(
    // A running merge notices that the lib closes, and cleans up.
    Effect.andThen(
      this.#afterChanges,
      this.#closing.withPermit(
        this.#preparing.withPermit(
          Effect.gen({ self: this }, function* () {
            const lib = this.#lib
            if (lib.guard.cause !== undefined) return
            if (this.#prepared !== undefined) lib.journal.roll(this.#prepared)
            const stuck = yield* closeClean(lib, this.#merging.atEnd)
            if (stuck !== undefined) {
              yield* Effect.logWarning(
                `litetapes: ${lib.location}: closed without a clean end, nothing is lost, the next open takes it over: ${stuck}`
              )
            }
          })
        )
      )
    )
  )
}
