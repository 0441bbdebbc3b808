/** The span and the measures of the batch that is being written. */
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { FinishedBatch } from "../../domain/journal/Batch.ts"
import { beginSpan, isTraced } from "../base/spans.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { CommitGroup } from "./CommitGroup.ts"
import type { QueuedRequest } from "./CommitQueue.ts"

/** Spans of calls that the span of their batch links to, at most: exporters drop what is more. */
const linksMax = 128

type Requests = ReadonlyArray<QueuedRequest>

export class BatchTelemetry {
  readonly #lib: LibHandle
  #endSpan: ((exit: Exit.Exit<unknown, unknown>) => void) | undefined
  #begun = Number.NaN

  constructor(lib: LibHandle) {
    this.#lib = lib
  }

  /** Notes that the write of a batch begins. */
  begin(fiber: Fiber.Fiber<unknown, unknown>, group: CommitGroup, batch: FinishedBatch, requests: Requests): void {
    this.#begun = this.#lib.measures.now()
    if (!isTraced(fiber)) return
    const attributes = {
      "litetapes.batch": group.batch,
      "litetapes.requests": requests.length,
      "litetapes.records": recordsOf(batch),
      "litetapes.bytes": batch.bytes.length
    }
    const links = requests.flatMap(({ request: { span } }) => (span === undefined ? [] : [span])).slice(0, linksMax)
    this.#endSpan = beginSpan(fiber, { operation: "commit", location: this.#lib.location, attributes }, links)
  }

  /** Notes that it is written and synced. */
  synced(): void {
    const { measures } = this.#lib
    measures.syncs.record(measures.now() - this.#begun)
  }

  /** Notes that it is acknowledged. */
  acknowledged(batch: FinishedBatch, requests: Requests): void {
    const { measures } = this.#lib
    const now = measures.now()
    if (Number.isNaN(now)) return
    measures.batchRecords.record(recordsOf(batch))
    measures.batchBytes.record(batch.bytes.length)
    for (const { at } of requests) if (at !== undefined) measures.appends.record(now - at)
  }

  /** Ends its span, if there is one. */
  end(exit: Exit.Exit<unknown, unknown>): void {
    this.#endSpan?.(exit)
    this.#endSpan = undefined
  }
}

const recordsOf = ({ parts }: FinishedBatch): number => parts.reduce((sum, { count }) => sum + count, 0)
