/** What waits to be in a batch, in the order of the calls. */
import type * as Exit from "effect/Exit"
import type { CommitGroup } from "./CommitGroup.ts"

/** Something that wants to be in a batch. */
export interface Request<A, E> {
  /** The most that it adds, in bytes of lines. */
  readonly bytesMax: number
  /**
   * Adds its lines to the group; synchronous, and all or nothing. An `Exit` is its outcome at once; `undefined` means
   * that the outcome rests on this group, and is `settle`'s once the group is durable.
   */
  readonly addTo: (group: CommitGroup) => Exit.Exit<A, E> | undefined
  /** The group in which it was sealed is durable. */
  readonly settle: (batch: number) => Exit.Exit<A, E>
  /** Called once, before its caller is told of the outcome, or when it is taken out again. */
  readonly ended?: () => void
}

/** A request, and who waits for it. */
export class QueuedRequest {
  readonly request: Request<unknown, unknown>
  state: "queued" | "in-batch" | "done" = "queued"
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

  /** The most that its requests add, in bytes of lines; those count that were given up since. */
  get bytes(): number {
    return this.#bytes
  }

  push(queued: QueuedRequest): void {
    this.#all.push(queued)
    this.#bytes += queued.request.bytesMax
  }

  /** Hands the first ones on until `take` wants no more; those that were given up are passed over. */
  takeWhile(take: (queued: QueuedRequest) => boolean): void {
    let taken = 0
    // Somebody may put more behind them meanwhile.
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
