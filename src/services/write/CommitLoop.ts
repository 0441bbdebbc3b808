/**
 * The one loop that commits all batches of a lib. Requests that arrive during a sync form the next batch.
 *
 * I1: no byte of batch N+1 is written before the sync of batch N has returned, and a batch is one write.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { FinishedBatch } from "../../domain/journal/Batch.ts"
import {
  BatchTooLarge,
  CommitOutcomeUnknown,
  type LibClosed,
  type ReadOnly,
  WriterPoisoned
} from "../../domain/format/Errors.ts"
import * as Hint from "../../domain/journal/Hint.ts"
import { CommitQueue, QueuedRequest, type Request } from "./CommitQueue.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { WriteError } from "../lib/WriterGuard.ts"
import { BatchTelemetry } from "./BatchTelemetry.ts"
import { CommitGroup } from "./CommitGroup.ts"
import { Acknowledgements } from "./Acknowledgements.ts"

/**
 * Errors of any commit. After `CommitOutcomeUnknown` and `WriterPoisoned`, call `lib.reopen`: the batch
 * is there whole or not at all after the first, and not there after the second. `BatchTooLarge`: split the batch.
 */
export type CommitError = CommitOutcomeUnknown | WriterPoisoned | LibClosed | ReadOnly | BatchTooLarge

/** Maximum size of a group, unless one request alone is larger. */
const groupBytesSoft = 4 * 1024 * 1024

/**
 * Callers of a batch are resumed while the next batch syncs, once at least this many bytes are queued and at least half
 * as many as the batch had (decision 0029). Twice the size that `SyncPace` syncs on the event loop, because the queue
 * knows only upper bounds, and nobody can be resumed during such a sync.
 */
const besideBytesMin = 32 * 1024

/** Returns the hint that acknowledges a batch. */
const hintOf = (lib: LibHandle, boot: string, { batch }: CommitGroup, { parts }: FinishedBatch): Uint8Array => {
  // Most libs have no checkpoints, and every batch has records.
  if (lib.meta.state.checkpoints.size === 0) return Hint.encode({ boot, batch })
  return Hint.encode({ boot, batch, records: parts.length > 0 ? batch : lib.journal.recordsBatch })
}

export class CommitLoop {
  readonly #lib: LibHandle
  readonly #beforeGroup: Effect.Effect<void, WriterPoisoned>
  readonly #afterBatch: () => void
  readonly #queue = new CommitQueue()
  readonly #telemetry: BatchTelemetry
  #wake: (() => void) | undefined
  #inFlight: ReadonlyArray<QueuedRequest> = []
  /** Callers of the last durable batch, some of whom are resumed while the next one syncs. */
  #outcomes = new Acknowledgements([])
  #busy = false
  #nudged = false
  #idle: Array<() => void> = []
  #exclusive: Array<Effect.Effect<void>> = []
  #buffer = Buffer.allocUnsafeSlow(256 * 1024)

  /** `beforeGroup` runs between two batches: it rolls to the next dynamic segment. `afterBatch` runs after each one. */
  constructor(lib: LibHandle, beforeGroup: Effect.Effect<void, WriterPoisoned>, afterBatch: () => void) {
    this.#lib = lib
    this.#telemetry = new BatchTelemetry(lib)
    this.#beforeGroup = beforeGroup
    this.#afterBatch = afterBatch
  }

  /**
   * Queues a request for the next batch and waits for its outcome. Interrupting a queued request removes it. Once it is
   * in a batch, the interruption waits for the outcome.
   */
  submit<A, E>(request: Request<A, E>): Effect.Effect<A, E | CommitError> {
    return Effect.callback<A, E | CommitError>((resume) => this.enqueue(request, resume))
  }

  /**
   * Does the same for callers that are in a callback already. Calls `resume` once. Returns the effect that interruption
   * runs.
   */
  enqueue<A, E>(
    request: Request<A, E>,
    resume: (exit: Exit.Exit<A, E | CommitError>) => void
  ): Effect.Effect<void> | void {
    const refusal = this.#refuse(request)
    if (refusal !== undefined) {
      request.ended?.()
      return resume(Exit.fail(refusal))
    }
    const queued = new QueuedRequest(request, resume as (exit: Exit.Exit<unknown, unknown>) => void)
    queued.at = this.#lib.measures.queuedAt(this.#queue.isEmpty)
    this.#queue.push(queued)
    this.#wake?.()
    return this.#interrupted(queued)
  }

  #refuse({ bytesMax }: Request<unknown, unknown>): CommitError | undefined {
    const refusal = this.#lib.guard.refusal()
    if (refusal !== undefined) return refusal
    const { batchBytesMax } = this.#lib.meta.limits
    return bytesMax > batchBytesMax ? new BatchTooLarge({ bytes: bytesMax, batchBytesMax }) : undefined
  }

  #interrupted(queued: QueuedRequest): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (queued.state === "in-batch") {
        queued.resume = () => resume(Effect.void)
        return
      }
      if (queued.state === "queued") {
        // Stays in the queue, which skips it.
        queued.state = "done"
        queued.request.ended?.()
      }
      resume(Effect.void)
    })
  }

  /** Makes `beforeGroup` run soon, although nothing is queued. */
  readonly nudge = Effect.sync(() => {
    this.#nudged = true
    this.#wake?.()
  })

  /**
   * Runs `effect` between two batches, so that nothing is committed meanwhile. An interruption interrupts it and waits
   * for it.
   */
  exclusively<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | WriteError> {
    return Effect.callback<A, E | WriteError>((resume) => {
      const refusal = this.#lib.guard.refusal()
      if (refusal !== undefined) return resume(Effect.fail(refusal))
      let wanted = true
      let running: Fiber.Fiber<A, E> | undefined
      const run = Effect.flatMap(Effect.forkChild(Effect.interruptible(effect)), (fiber) => {
        running = fiber
        return Effect.map(Fiber.await(fiber), (exit) => resume(exit))
      })
      this.#exclusive.push(Effect.suspend(() => (wanted ? run : Effect.void)))
      this.#wake?.()
      return Effect.suspend(() => {
        wanted = false
        return running === undefined ? Effect.void : Fiber.interrupt(running)
      })
    })
  }

  /** Waits until every queued request has its outcome. */
  readonly drain: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.#queue.isEmpty && this.#exclusive.length === 0 && !this.#busy) return resume(Effect.void)
    this.#idle.push(() => resume(Effect.void))
  })

  /** Runs until it is interrupted; never fails. */
  readonly run: Effect.Effect<never> = Effect.forever(
    Effect.andThen(
      Effect.suspend(() => this.#work),
      Effect.uninterruptible(
        Effect.catchCause(
          Effect.suspend(() => this.#turn),
          (cause) => this.#broken(cause)
        )
      )
    )
  )

  /** Waits until there is work. */
  readonly #work: Effect.Effect<void> = Effect.callback((resume) => {
    if (!this.#queue.isEmpty || this.#exclusive.length > 0 || this.#nudged) return resume(Effect.void)
    for (const idle of this.#idle.splice(0)) idle()
    this.#wake = () => {
      this.#wake = undefined
      resume(Effect.void)
    }
    return Effect.sync(() => {
      this.#wake = undefined
    })
  })

  readonly #turn = Effect.suspend(() => {
    this.#busy = true
    const outcomes = this.#outcomes
    if (outcomes.areTold) return this.#next
    return Effect.flatMap(Effect.forkChild(this.#next, { startImmediately: true, uninterruptible: true }), (next) =>
      Effect.sync(() => outcomes.tellRest()).pipe(
        Effect.ensuring(Effect.asVoid(Fiber.await(next))),
        Effect.andThen(Fiber.join(next))
      )
    )
  }).pipe(
    Effect.ensuring(
      Effect.sync(() => {
        this.#busy = false
      })
    )
  )

  readonly #next = Effect.suspend(() => {
    this.#nudged = false
    const before = Effect.andThen(
      Effect.forEach(this.#exclusive.splice(0), (effect) => effect, { discard: true }),
      this.#beforeGroup
    )
    return Effect.matchEffect(before, {
      onFailure: (error) =>
        Effect.sync(() => {
          for (const queued of this.#queue.takeAll()) this.#done(queued, Exit.fail(error))
        }),
      onSuccess: () => this.#commit
    })
  })

  readonly #commit: Effect.Effect<void> = Effect.withFiber((fiber) => {
    const lib = this.#lib
    const refusal = lib.guard.cause
    if (refusal !== undefined) {
      for (const queued of this.#queue.takeAll()) this.#done(queued, Exit.fail(lib.guard.stop(refusal)))
      return Effect.void
    }
    const group = new CommitGroup(lib.journal.durable, this.#buffer)
    const requests = this.#fill(group)
    if (group.isEmpty) {
      // A request that rests on an empty group rests only on durable batches.
      for (const queued of requests) this.#done(queued, queued.request.settle(lib.journal.durable.batch))
      return Effect.void
    }
    const batch = group.finish()
    this.#keepBuffer(batch)
    const file = lib.journal.current
    this.#telemetry.begin(fiber, group, batch, requests)
    return Effect.matchEffect(lib.guard.step(file.writer!.append(batch.bytes)), {
      onFailure: (error) => this.#unknown(requests, error.cause),
      onSuccess: () => this.#acknowledge(group, batch, requests)
    })
  })

  /** A defect of this library stops the writer. All waiting callers get an error. */
  #broken(cause: Cause.Cause<never>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { cause: why } = this.#lib.guard.stop(`a defect of litetapes: ${Cause.pretty(cause)}`)
      this.#outcomes.tellRest()
      return Effect.andThen(
        this.#unknown(this.#inFlight, why),
        Effect.logError(
          `litetapes: ${this.#lib.location}: a defect stopped the writer. Close the lib, open it again, and report this.`,
          cause
        )
      )
    })
  }

  /** Moves queued requests into the group, in order, as many as fit. */
  #fill(group: CommitGroup): Array<QueuedRequest> {
    const requests: Array<QueuedRequest> = []
    this.#inFlight = requests
    const bytesMax = Math.min(groupBytesSoft, this.#lib.meta.limits.batchBytesMax)
    this.#queue.takeWhile((queued) => {
      if (requests.length > 0 && group.bytes + queued.request.bytesMax > bytesMax) return false
      queued.state = "in-batch"
      requests.push(queued)
      const exit = queued.request.addTo(group)
      if (exit !== undefined) {
        requests.pop()
        this.#done(queued, exit)
      }
      return true
    })
    return requests
  }

  #acknowledge(group: CommitGroup, batch: FinishedBatch, requests: ReadonlyArray<QueuedRequest>): Effect.Effect<void> {
    const lib = this.#lib
    this.#telemetry.synced()
    const hint =
      lib.root.boot === undefined
        ? Effect.void
        : lib.guard.step(lib.root.hint.write(hintOf(lib, lib.root.boot, group, batch)))
    // I7: if nobody had taken over after the sync, whoever takes over finds this batch. A later one it might not find.
    return Effect.matchEffect(Effect.andThen(lib.guard.checkLock, hint), {
      onFailure: (error) => this.#unknown(requests, error.cause),
      onSuccess: () =>
        Effect.sync(() => {
          group.publish(lib.journal, batch)
          this.#afterBatch()
          this.#telemetry.end(Exit.void)
          this.#telemetry.acknowledged(batch, requests)
          const tells = requests.map((queued) => {
            const exit = queued.request.settle(group.batch)
            return () => this.#done(queued, exit)
          })
          // A resumed caller continues immediately and may append again. When that is enough for a batch, the batch
          // goes first.
          const bytesMin = Math.max(besideBytesMin, batch.bytes.length / 2)
          this.#outcomes.tellRest()
          this.#outcomes = new Acknowledgements(tells)
          this.#outcomes.tellWhile(() => this.#queue.bytes < bytesMin)
          lib.news.wake()
        })
    })
  }

  #unknown(requests: ReadonlyArray<QueuedRequest>, cause: string): Effect.Effect<void> {
    return Effect.sync(() => {
      const { location } = this.#lib
      this.#telemetry.end(Exit.fail(new CommitOutcomeUnknown({ location, cause })))
      for (const queued of requests) this.#done(queued, Exit.fail(new CommitOutcomeUnknown({ location, cause })))
      for (const queued of this.#queue.takeAll()) {
        this.#done(queued, Exit.fail(new WriterPoisoned({ location, cause })))
      }
    })
  }

  #done(queued: QueuedRequest, exit: Exit.Exit<unknown, unknown>): void {
    if (queued.state === "done") return
    queued.state = "done"
    queued.request.ended?.()
    try {
      queued.resume(exit)
    } catch (error) {
      // Thrown by an observer of the caller's fibre. It must not keep the other callers from being resumed.
      queueMicrotask(() => {
        throw error
      })
    }
  }

  /** Keeps a buffer that grew, unless it is so large that its memory should be freed. */
  #keepBuffer(batch: FinishedBatch): void {
    const { buffer, byteOffset } = batch.bytes
    if (byteOffset === 0 && buffer.byteLength > this.#buffer.length && buffer.byteLength <= 2 * groupBytesSoft) {
      this.#buffer = Buffer.from(buffer as ArrayBuffer)
    }
  }
}
