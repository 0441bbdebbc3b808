/**
 * A thread of its own for a lib's new segments: it hashes what is closed while the event loop goes on with appends. It is
 * started when there is enough to do for it, and ends with the lib. Without it, or when it fails, segments are sealed on
 * the event loop as ever.
 */
import * as Effect from "effect/Effect"
import type { EventRows } from "../../domain/event/EventRows.ts"
import type * as Merkle from "../../domain/merkle/Merkle.ts"
import type { SealedSegment } from "../../domain/segment/SegmentSeal.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"
import type { SealJob, Sealer } from "../../services/ports/Sealing.ts"
import type { Ask, Movable, Reply } from "./sealMessages.ts"

/** What it takes of `node:worker_threads`; tests put others behind it. */
export interface Thread {
  readonly postMessage: (ask: Ask, moved: ReadonlyArray<ArrayBuffer>) => void
  /** Whether the process must not end before the thread has answered. */
  readonly hold: (held: boolean) => void
  readonly end: () => Promise<unknown>
}

export type StartThread = (onReply: (reply: Reply) => void, onEnd: () => void) => Thread

/** Which segments are sealed there, by their bytes. */
export interface Worth {
  /** From so many on one is worth the way to a thread that is there. */
  readonly bytesMin: number
  /** From so many on one is worth starting it. */
  readonly startBytesMin: number
  /** Up to so many: what it keeps of a segment grows with it. */
  readonly bytesMax: number
}

const MiB = 1024 * 1024

export const defaultWorth: Worth = { bytesMin: MiB / 4, startBytesMin: 8 * MiB, bytesMax: 128 * MiB }

/** Pieces of a job that may wait in the thread: one to go on with while the next is made ready. */
const piecesMax = 2

interface Job {
  /** There is a result, or will be none. */
  over: boolean
  waiting: number
  /** Goes on with what waits for a piece to be done. */
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
    if (!this.#ask({ kind: "begin", job: id, role, before }, [])) return undefined
    this.#jobs.set(id, job)
    this.#thread?.hold(true)
    return {
      add: (lines, rows) => this.#whenFree(job, () => this.#add(id, job, lines, rows)),
      finish: Effect.callback((resume) => {
        if (job.over) return resume(Effect.succeed(undefined))
        job.finished = (sealed) => resume(Effect.succeed(sealed))
        this.#ask({ kind: "finish", job: id }, [])
      }),
      drop: Effect.sync(() => {
        if (job.over) return
        this.#ask({ kind: "drop", job: id }, [])
        this.#over(id, undefined)
      })
    }
  }

  /** Ends the thread; nothing is begun behind it. */
  readonly end: Effect.Effect<void> = Effect.promise(() => this.#fail())

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
    if (bytes === undefined) return void this.#fail()
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

  /** Whether it was said to somebody. */
  #ask(ask: Ask, moved: ReadonlyArray<ArrayBuffer>): boolean {
    if (this.#failed) return false
    try {
      this.#thread ??= this.#start(
        (reply) => this.#hear(reply),
        () => void this.#fail()
      )
      this.#thread.postMessage(ask, moved)
      return true
    } catch {
      // No thread may be started here, or there is no file to start it from: a bundle.
      void this.#fail()
      return false
    }
  }

  #hear(reply: Reply): void {
    if (reply.kind === "finished") return this.#over(reply.job, reply.sealed)
    // One that had to be larger than usual is not kept.
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

  async #fail(): Promise<void> {
    const thread = this.#thread
    this.#failed = true
    this.#thread = undefined
    this.#spare.length = 0
    for (const id of this.#jobs.keys()) this.#over(id, undefined)
    thread?.hold(false)
    await thread?.end()
  }
}
