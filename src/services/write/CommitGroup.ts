/**
 * Group commit: requests that arrived while the previous batch was syncing become one batch. They add their lines in
 * the order of their calls, and get their ordinals and positions. Synchronous.
 */
import { BatchBuilder, type PartBuilder, type FinishedBatch } from "../../domain/journal/Batch.ts"
import type { EncodedEvent } from "../../domain/event/Event.ts"
import { hashId } from "../../domain/base/Hash53.ts"
import { type CheckpointState, toMark } from "../../domain/meta/Checkpoint.ts"
import type { Anchor } from "../../domain/meta/SystemRecord.ts"
import { DynamicEvents } from "../journal/DynamicEvents.ts"
import type { LivePart } from "../journal/DynamicFile.ts"
import type { Journal } from "../journal/Journal.ts"
import type { OpenTape } from "../lib/OpenTape.ts"

interface GroupedEvent {
  readonly part: PartBuilder
  readonly start: number
  readonly end: number
  readonly stream: string
  readonly revision: number
  readonly position: number
  readonly id: string
}

export class CommitGroup {
  readonly batch: number
  readonly #before: Anchor
  readonly #builder: BatchBuilder
  readonly #tapes = new Map<string, OpenTape>()
  readonly #events: Array<GroupedEvent> = []
  #checkpoints: Map<string, CheckpointState> | undefined
  #position: number
  #bytes = 0

  /** @internal */
  constructor(before: Anchor, buffer: Buffer) {
    this.batch = before.batch + 1
    this.#before = before
    this.#position = before.position
    this.#builder = new BatchBuilder(buffer)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Position of the next event. */
  get position(): number {
    return this.#position
  }

  get isEmpty(): boolean {
    return this.#builder.isEmpty && this.#checkpoints === undefined
  }

  /** Adds one record and returns its ordinal. */
  addRecord(tape: OpenTape, text: string): number {
    const part = this.#part(tape)
    const start = part.add(text)
    this.#bytes += part.bytes - start
    return part.firstOrdinal + part.count - 1
  }

  /** Adds one event and returns its position. */
  addEvent(tape: OpenTape, stream: string, revision: number, event: EncodedEvent): number {
    const part = this.#part(tape)
    const position = this.#position++
    const start = part.addEvent(event, position, revision)
    this.#bytes += part.bytes - start
    this.#events.push({ part, start, end: part.bytes - 1, stream, revision, position, id: event.id })
    return position
  }

  /** Returns the checkpoint of a consumer that this batch changes. */
  checkpoint(consumer: string): CheckpointState | undefined {
    return this.#checkpoints?.get(consumer)
  }

  /** Changes the checkpoint of a consumer, together with the lines of the batch. */
  setCheckpoint(consumer: string, checkpoint: CheckpointState): void {
    this.#checkpoints ??= new Map()
    this.#checkpoints.set(consumer, checkpoint)
  }

  /** Returns the bytes of the batch. */
  finish(): FinishedBatch {
    const { hash, position } = this.#before
    if (this.#checkpoints === undefined) return this.#builder.finish(this.batch, position, hash)
    const marked = Array.from(this.#checkpoints, ([consumer, checkpoint]) => toMark(consumer, checkpoint))
    return this.#builder.finish(this.batch, position, hash, marked)
  }

  /** Shows the batch, which is durable, to readers. */
  publish(journal: Journal, batch: FinishedBatch): void {
    const file = journal.current
    const fileOffset = file.size
    const parts = batch.parts.map((part): readonly [string, LivePart] => [
      part.tape,
      {
        file,
        batch: this.batch,
        firstOrdinal: part.firstOrdinal,
        count: part.count,
        offset: fileOffset + part.offset,
        bytes: part.bytes,
        crc: part.crc,
        endPosition: this.#position
      }
    ])
    const anchor = { batch: this.batch, position: this.#position, hash: batch.hash }
    const checkpoints = this.#committed()
    journal.publish({ bytes: batch.bytes.length, parts, anchor, ...(checkpoints === undefined ? {} : { checkpoints }) })
    for (const [tape, part] of parts) this.#tapes.get(tape)!.publish(part)
    if (this.#events.length > 0) this.#publishEvents(file.keepEvents(file.events ?? new DynamicEvents()), parts)
  }

  /** Returns the checkpoints of the batch as they are kept. */
  #committed(): ReadonlyMap<string, CheckpointState> | undefined {
    const checkpoints = this.#checkpoints
    if (checkpoints === undefined) return undefined
    const at = this.#position
    return new Map(Array.from(checkpoints, ([consumer, checkpoint]) => [consumer, { ...checkpoint, at }] as const))
  }

  #publishEvents(events: DynamicEvents, parts: ReadonlyArray<readonly [string, LivePart]>): void {
    const offsets = new Map(parts.map(([tape, { offset }]) => [tape, offset]))
    // Rows are in file order. The batch is grouped by tape, but the calls are not.
    if (offsets.size > 1) {
      this.#events.sort((a, b) => offsets.get(a.part.tape)! - offsets.get(b.part.tape)! || a.start - b.start)
    }
    for (const event of this.#events) {
      events.add({
        stream: event.stream,
        revision: event.revision,
        position: event.position,
        idHash: hashId(event.stream, event.id),
        offset: offsets.get(event.part.tape)! + event.start,
        length: event.end - event.start,
        crc: event.part.crcOf(event.start, event.end)
      })
      events.addTerms(event.part.buffer, event.start, event.end)
    }
  }

  #part(tape: OpenTape): PartBuilder {
    this.#tapes.set(tape.id, tape)
    return this.#builder.part(tape.id, tape.records)
  }
}
