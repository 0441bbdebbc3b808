/**
 * A worker thread for a lib's new segments: it hashes closed segments while the event loop continues with appends. It
 * is started when there is enough work for it, and ends with the lib. Without it, or if it fails, segments are sealed
 * on the event loop, and a warning says so once.
 */
import * as Effect from "effect/Effect"
import type { EventRows } from "../../domain/event/EventRows.ts"
import type * as Merkle from "../../domain/merkle/Merkle.ts"
import type { SealedSegment } from "../../domain/segment/SegmentSeal.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"
import type { SealJob, Sealer } from "../../services/ports/Sealing.ts"
import type { Ask, Movable, Reply } from "./sealMessages.ts"

/** The part of `node:worker_threads` that it uses; tests replace it. */
export interface Thread {
  readonly postMessage: (ask: Ask, moved: ReadonlyArray<ArrayBuffer>) => void
  /** Decides whether the process must stay alive until the thread has answered. */
  readonly hold: (held: boolean) => void
  readonly end: () => Promise<unknown>
}

/** Starts a thread. `onEnd` receives why it ended. */
export type StartThread = (onReply: (reply: Reply) => void, onEnd: (why?: unknown) => void) => Thread

/** Sizes of segments that are sealed in the thread, in bytes. */
export interface Worth {
  /** From this size on, a segment is worth the way to a thread that is running. */
  readonly bytesMin: number
  /** From this size on, a segment is worth starting the thread. */
  readonly startBytesMin: number
  /** Up to this size: the thread's memory grows with the segment. */
  readonly bytesMax: number
}

const MiB = 1024 * 1024

export const defaultWorth: Worth = { bytesMin: MiB / 4, startBytesMin: 8 * MiB, bytesMax: 128 * MiB }

/** Pieces of a job that may wait in the thread: one to work on while the next one is prepared. */
const piecesMax = 2

interface Job {
  /** The job has a result, or will not have one. */
  over: boolean
  waiting: number
  /** Resumes the caller that waits until a piece is done. */
  next: (() => void) | undefined
  finished: ((sealed: SealedSegment | undefined) => void) | undefined
}

export class SealThread implements Sealer {
  readonly #start: StartThread
  readonly #worth: Worth
  readonly #jobs = new Map<number, Job>()
  readonly #spare: Array<Movable> = []
  #thread: Thread | undefined
  #failed = false
  /** Why there is no thread, until it has been logged. */
  #why: string | undefined
  #last = 0

  constructor(start: StartThread, worth: Worth = defaultWorth) {
    this.#start = start
    this.#worth = worth
  }

  begin(bytes: number, role: Role, before: Merkle.State | undefined): SealJob | undefined {
    const { bytesMax, bytesMin, startBytesMin } = this.#worth
    const atLeast = this.#thread === undefined ? startBytesMin : bytesMin
    if (this.#failed || bytes < atLeast || bytes > bytesMax) return undefined
    const id = ++this.#last
    const job: Job = { over: false, waiting: 0, next: undefined, finished: undefined }
    if (!this.#ask({ kind: "begin", job: id, role, before }, [])) return this.#unable
    this.#jobs.set(id, job)
    this.#thread?.hold(true)
    return {
      add: (lines, rows) => this.#whenFree(job, () => this.#add(id, job, lines, rows)),
      finish: Effect.tap(
        Effect.callback<SealedSegment | undefined>((resume) => {
          if (job.over) return resume(Effect.succeed(undefined))
          job.finished = (sealed) => resume(Effect.succeed(sealed))
          this.#ask({ kind: "finish", job: id }, [])
        }),
        this.#warn
      ),
      drop: Effect.sync(() => {
        if (job.over) return
        this.#ask({ kind: "drop", job: id }, [])
        this.#over(id, undefined)
      })
    }
  }

  /** Ends the thread; no job begins afterwards. */
  readonly end: Effect.Effect<void> = Effect.promise(() => this.#fail(undefined))

  /** Logs, once, why there is no thread. */
  readonly #warn: Effect.Effect<void> = Effect.suspend(() => {
    const why = this.#why
    if (why === undefined) return Effect.void
    this.#why = undefined
    return Effect.logWarning(
      `litetapes: the thread that hashes segments is not available: ${why}. The event loop hashes them instead, and appends wait longer meanwhile. If you want that, set \`sealing: "event-loop"\` in NodeStorage.layerWith.`
    )
  })

  /** A job that has no result. */
  readonly #unable: SealJob = {
    add: () => Effect.void,
    finish: Effect.as(this.#warn, undefined),
    drop: Effect.void
  }

  #whenFree(job: Job, then: () => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (job.over || job.waiting < piecesMax) return Effect.sync(then)
      return Effect.callback<void>((resume) => {
        job.next = () => resume(Effect.sync(then))
      })
    })
  }

  #add(id: number, job: Job, lines: ReadonlyArray<Uint8Array>, rows: EventRows | undefined): void {
    if (job.over) return
    const length = lines.reduce((sum, { length: bytes }) => sum + bytes, 0)
    const bytes = this.#memory(length)
    if (bytes === undefined) return void this.#fail("there is no memory for a segment")
    let end = 0
    for (const piece of lines) {
      bytes.set(piece, end)
      end += piece.length
    }
    const moved = rows === undefined ? [] : [rows.numbers.buffer, rows.streams.buffer]
    if (this.#ask({ kind: "add", job: id, bytes, length, rows }, [bytes.buffer, ...moved])) job.waiting++
  }

  #memory(length: number): Movable | undefined {
    const spare = this.#spare.pop()
    if (spare !== undefined && spare.length >= length) return spare
    try {
      return new Uint8Array(Math.max(MiB / 2, length))
    } catch {
      return undefined
    }
  }

  /** Sends a message to the thread. Returns whether it was sent. */
  #ask(ask: Ask, moved: ReadonlyArray<ArrayBuffer>): boolean {
    if (this.#failed) return false
    try {
      this.#thread ??= this.#start(
        (reply) => this.#hear(reply),
        (why) => void this.#fail(why instanceof Error ? why.message : "it has ended")
      )
      this.#thread.postMessage(ask, moved)
      return true
    } catch (error) {
      void this.#fail((error as Error).message)
      return false
    }
  }

  #hear(reply: Reply): void {
    if (reply.kind === "finished") return this.#over(reply.job, reply.sealed)
    // Memory that is larger than usual is not kept.
    if (reply.bytes.length <= MiB && this.#spare.length < piecesMax) this.#spare.push(reply.bytes)
    const job = this.#jobs.get(reply.job)
    if (job === undefined) return
    job.waiting--
    const { next } = job
    job.next = undefined
    next?.()
  }

  #over(id: number, sealed: SealedSegment | undefined): void {
    const job = this.#jobs.get(id)
    if (job === undefined) return
    this.#jobs.delete(id)
    job.over = true
    if (this.#jobs.size === 0) this.#thread?.hold(false)
    job.next?.()
    job.finished?.(sealed)
  }

  async #fail(why: string | undefined): Promise<void> {
    const thread = this.#thread
    if (!this.#failed) this.#why = why
    this.#failed = true
    this.#thread = undefined
    this.#spare.length = 0
    for (const id of this.#jobs.keys()) this.#over(id, undefined)
    thread?.hold(false)
    await thread?.end()
  }
}
