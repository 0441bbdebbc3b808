/** A dynamic segment in use, in a writer or a reader. */
import type { CheckpointState } from "../../domain/meta/Checkpoint.ts"
import type { Anchor } from "../../domain/meta/SystemRecord.ts"
import type { DynamicWriter } from "../ports/Storage.ts"
import type { DynamicEvents } from "./DynamicEvents.ts"

/** The records of one tape in one batch, as they are stored in a dynamic segment. Offsets are bytes of the file. */
export interface LivePart {
  readonly file: DynamicFile
  readonly batch: number
  readonly firstOrdinal: number
  readonly count: number
  readonly offset: number
  readonly bytes: number
  readonly crc: number
  /** Position after the last event of the batch. */
  readonly endPosition: number
}

/** Changes that one batch makes to its dynamic segment. */
export interface PublishedBatch {
  /** Size of the whole batch in bytes, including its mark. */
  readonly bytes: number
  /** Records of the batch by tape id, in file order. */
  readonly parts: ReadonlyArray<readonly [tape: string, part: LivePart]>
  /** State of the chain of commits after the batch. */
  readonly anchor: Anchor
  /** How far these consumers are, from this batch on. */
  readonly checkpoints?: Checkpoints
}

/** Checkpoints by the name of the consumer. */
export type Checkpoints = ReadonlyMap<string, CheckpointState>

export class DynamicFile {
  readonly dynamic: number
  /** Set for files that this writer created; it appends only to the last of them. */
  readonly writer: DynamicWriter | undefined
  readonly #parts = new Map<string, Array<LivePart>>()
  readonly #checkpoints: Map<string, CheckpointState>
  #events: DynamicEvents | undefined
  #size: number
  #anchor: Anchor
  #firstBatchAt: number | undefined
  #stuck: string | undefined
  readonly #reasons = new Set<string>()
  #scannedBytes = 0

  constructor(options: {
    readonly dynamic: number
    readonly writer?: DynamicWriter
    readonly size: number
    readonly anchor: Anchor
    readonly events?: DynamicEvents
    readonly checkpoints?: Checkpoints
  }) {
    this.dynamic = options.dynamic
    this.writer = options.writer
    this.#size = options.size
    this.#anchor = options.anchor
    this.#events = options.events
    this.#checkpoints = new Map(options.checkpoints)
  }

  /** Parts by tape id, ascending by batch. */
  get parts(): ReadonlyMap<string, ReadonlyArray<LivePart>> {
    return this.#parts
  }

  /** Known for files of this writer. For a file of an earlier writer they are read back when they are needed. */
  get events(): DynamicEvents | undefined {
    return this.#events
  }

  /** Bytes of the header and of all whole batches. */
  get size(): number {
    return this.#size
  }

  /** State of the chain of commits after the last batch of the file. */
  get anchor(): Anchor {
    return this.#anchor
  }

  /** Time of the first batch in milliseconds; `undefined` before it. */
  get firstBatchAt(): number | undefined {
    return this.#firstBatchAt
  }

  /** Reason why some of its records cannot be flushed: their tape is invalid. */
  get stuck(): string | undefined {
    return this.#stuck
  }

  /** The last checkpoint of each consumer that its marks name. */
  get checkpoints(): Checkpoints {
    return this.#checkpoints
  }

  get hasBatches(): boolean {
    return this.#parts.size > 0 || this.#checkpoints.size > 0
  }

  /** Notes the checkpoints of a batch that follows those of the file. */
  addCheckpoints(checkpoints: Checkpoints): void {
    for (const [consumer, checkpoint] of checkpoints) this.#checkpoints.set(consumer, checkpoint)
  }

  addPart(tape: string, part: LivePart): void {
    const known = this.#parts.get(tape)
    if (known === undefined) this.#parts.set(tape, [part])
    else known.push(part)
  }

  /** Adds a batch that was appended to the file. */
  add(batch: PublishedBatch): void {
    for (const [tape, part] of batch.parts) this.addPart(tape, part)
    if (batch.checkpoints !== undefined) this.addCheckpoints(batch.checkpoints)
    this.#size += batch.bytes
    this.#anchor = batch.anchor
  }

  /** Sets the state of the chain of commits, for a file that has no batches yet or is being scanned. */
  standAt(anchor: Anchor): void {
    this.#anchor = anchor
  }

  /** Keeps events that were read back, unless another fibre was faster. Returns the events that are kept. */
  keepEvents(events: DynamicEvents): DynamicEvents {
    return (this.#events ??= events)
  }

  /**
   * Notes that the last `bytes` of the file are about to be read for a query. Returns whether such reads have cost about as
   * much as looking up the terms of all events once.
   */
  noteScanned(bytes: number): boolean {
    this.#scannedBytes += bytes
    return 2 * this.#scannedBytes >= this.#size
  }

  /** Sets the time from which the age of the file counts. */
  stampFirstBatch(nowMillis: number): void {
    this.#firstBatchAt ??= nowMillis
  }

  /** Makes the file count as old, so that the writer rolls before the next batch. */
  makeOld(): void {
    this.#firstBatchAt = Number.NEGATIVE_INFINITY
  }

  /** Notes why records cannot be flushed. Returns whether that reason is news. */
  markStuck(why: string): boolean {
    this.#stuck = why
    const isNew = !this.#reasons.has(why)
    this.#reasons.add(why)
    return isNew
  }
}
