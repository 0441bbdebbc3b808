/** A dynamic segment as its writer, or a reader, knows it. */
import type { Anchor } from "../../domain/meta/SystemRecord.ts"
import type { DynamicWriter } from "../ports/Storage.ts"
import type { DynamicEvents } from "./DynamicEvents.ts"

/** The records of one tape in one batch, as they stand in a dynamic segment. Offsets are those of the file. */
export interface LivePart {
  readonly file: DynamicFile
  readonly batch: number
  readonly firstOrdinal: number
  readonly count: number
  readonly offset: number
  readonly bytes: number
  readonly crc: number
  /** Position behind the last event of its batch. */
  readonly endPosition: number
}

/** What one batch adds to the dynamic segment that it was written to. */
export interface PublishedBatch {
  /** Bytes of the whole batch, with its mark. */
  readonly bytes: number
  /** Its records, by tape id, in file order. */
  readonly parts: ReadonlyArray<readonly [tape: string, part: LivePart]>
  /** Where the lib stands after it. */
  readonly anchor: Anchor
}

export class DynamicFile {
  readonly dynamic: number
  /** Only the file that is being written has one. */
  readonly writer: DynamicWriter | undefined
  readonly #parts = new Map<string, Array<LivePart>>()
  #events: DynamicEvents | undefined
  #size: number
  #anchor: Anchor
  #firstBatchAt: number | undefined
  #stuck: string | undefined
  readonly #reasons = new Set<string>()

  constructor(options: {
    readonly dynamic: number
    readonly writer?: DynamicWriter
    readonly size: number
    readonly anchor: Anchor
    readonly events?: DynamicEvents
  }) {
    this.dynamic = options.dynamic
    this.writer = options.writer
    this.#size = options.size
    this.#anchor = options.anchor
    this.#events = options.events
  }

  /** Parts by tape id, ascending by batch. */
  get parts(): ReadonlyMap<string, ReadonlyArray<LivePart>> {
    return this.#parts
  }

  /** Known to the writer as it writes them; read back on demand for files of an earlier writer. */
  get events(): DynamicEvents | undefined {
    return this.#events
  }

  /** Bytes of the header and of whole batches. */
  get size(): number {
    return this.#size
  }

  /** Where the chain of commits stands after its last batch. */
  get anchor(): Anchor {
    return this.#anchor
  }

  /** When its first batch was written, in milliseconds; `undefined` while it has none. */
  get firstBatchAt(): number | undefined {
    return this.#firstBatchAt
  }

  /** Why some of its records cannot be put into segments: their tape is invalid. */
  get stuck(): string | undefined {
    return this.#stuck
  }

  get hasBatches(): boolean {
    return this.#parts.size > 0
  }

  addPart(tape: string, part: LivePart): void {
    const known = this.#parts.get(tape)
    if (known === undefined) this.#parts.set(tape, [part])
    else known.push(part)
  }

  /** Adds a batch that was appended to the file. */
  add(batch: PublishedBatch): void {
    for (const [tape, part] of batch.parts) this.addPart(tape, part)
    this.#size += batch.bytes
    this.#anchor = batch.anchor
  }

  /** Says where the chain of commits stands, in a file that has no batches of its own yet, or that is being scanned. */
  standAt(anchor: Anchor): void {
    this.#anchor = anchor
  }

  /** Keeps the events that were read back, unless somebody was faster. Returns those that are kept. */
  keepEvents(events: DynamicEvents): DynamicEvents {
    return (this.#events ??= events)
  }

  /** The age of a file counts from here. */
  stampFirstBatch(nowMillis: number): void {
    this.#firstBatchAt ??= nowMillis
  }

  /** Lets the file count as old: the writer rolls to the next one before the next batch. */
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
