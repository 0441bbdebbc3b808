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

export class DynamicFile {
  readonly dynamic: number
  /** Only the file that is being written has one. */
  readonly writer: DynamicWriter | undefined
  /** Parts by tape id, ascending by batch. */
  readonly parts = new Map<string, Array<LivePart>>()
  /** Made with the batches by the writer; read back on demand for files of an earlier one. */
  events: DynamicEvents | undefined
  /** Bytes of the header and of whole batches. */
  size: number
  /** Where the chain of commits stands behind its last batch. */
  anchor: Anchor
  /** When its first batch was written, in milliseconds; `undefined` while it has none. */
  firstBatchAt: number | undefined
  /** Set while some of its records cannot be put into segments: their tape is invalid. */
  stuck: string | undefined

  constructor(options: {
    readonly dynamic: number
    readonly writer?: DynamicWriter
    readonly size: number
    readonly anchor: Anchor
    readonly events?: DynamicEvents
  }) {
    this.dynamic = options.dynamic
    this.writer = options.writer
    this.size = options.size
    this.anchor = options.anchor
    this.events = options.events
  }

  addPart(tape: string, part: LivePart): void {
    const known = this.parts.get(tape)
    if (known === undefined) this.parts.set(tape, [part])
    else known.push(part)
  }

  get hasBatches(): boolean {
    return this.parts.size > 0
  }
}
