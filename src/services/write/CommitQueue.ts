/** The queue of requests that wait for a batch, in the order of their calls. */
import type * as Exit from "effect/Exit"
import type { AnySpan } from "effect/Tracer"
import type { CommitGroup } from "./CommitGroup.ts"

/** A request for a place in a batch. */
export interface Request<A, E> {
  /** The most bytes of lines that it adds. */
  readonly bytesMax: number
  /** Span of its call, if it has one: that of its batch links to it. */
  readonly span?: AnySpan | undefined
  /**
   * Adds all of its lines to the group, or none; synchronous. Returns an `Exit` if the outcome is known already.
   * Returns `undefined` if it depends on this group: then `settle` returns it once the group is durable.
   */
  readonly addTo: (group: CommitGroup) => Exit.Exit<A, E> | undefined
  /** Returns the outcome once its group is durable. */
  readonly settle: (batch: number) => Exit.Exit<A, E>
  /** Called once, before the caller gets the outcome, or when the request is removed. */
  readonly ended?: () => void
}

/** A request and its waiting caller. */
export class QueuedRequest {
  readonly request: Request<unknown, unknown>
  state: "queued" | "in-batch" | "done" = "queued"
  /** When it was queued, if that is measured. */
  at: number | undefined = undefined
  resume: (exit: Exit.Exit<unknown, unknown>) => void

  constructor(request: Request<unknown, unknown>, resume: (exit: Exit.Exit<unknown, unknown>) => void) {
    this.request = request
    this.resume = resume
  }
}

export class CommitQueue {
  #all: Array<QueuedRequest> = []
  #bytes = 0

  get isEmpty(): boolean {
    return this.#all.length === 0
  }

  /** The most bytes of lines that the requests add, including requests that were given up since. */
  get bytes(): number {
    return this.#bytes
  }

  push(queued: QueuedRequest): void {
    this.#all.push(queued)
    this.#bytes += queued.request.bytesMax
  }

  /** Passes requests on until `take` refuses one. Skips requests that were given up. */
  takeWhile(take: (queued: QueuedRequest) => boolean): void {
    let taken = 0
    // More requests may be queued meanwhile.
    while (taken < this.#all.length) {
      const queued = this.#all[taken]!
      if (queued.state === "queued" && !take(queued)) break
      this.#bytes -= queued.request.bytesMax
      taken++
    }
    this.#all = taken === this.#all.length ? [] : this.#all.slice(taken)
  }

  takeAll(): Array<QueuedRequest> {
    this.#bytes = 0
    return this.#all.splice(0)
  }
}
