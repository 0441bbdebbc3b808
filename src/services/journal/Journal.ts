/**
 * The dynamic segments of an open lib, and the last durable commit. These files hold all committed records that are in
 * no segment yet.
 */
import { dynamicName } from "../../domain/format/Names.ts"
import type { CheckpointState } from "../../domain/meta/Checkpoint.ts"
import type { Anchor } from "../../domain/meta/SystemRecord.ts"
import { EventTerms } from "../../domain/segment/terms.ts"
import type { DynamicFile, PublishedBatch } from "./DynamicFile.ts"

/** A dynamic segment that cannot be closed. */
export interface StuckFile {
  /** Name of the file, such as `litelib.dynamic-000004.jsonl`. */
  readonly file: string
  /** Reason, such as a tape that lost its meta. */
  readonly why: string
}

/** Returns the last batch of files that has records; 0 if no batch has. */
export const lastWithRecords = (files: ReadonlyArray<DynamicFile>): number => {
  let last = 0
  for (const { parts } of files) {
    for (const its of parts.values()) last = Math.max(last, its.at(-1)?.batch ?? 0)
  }
  return last
}

export class Journal {
  #files: ReadonlyArray<DynamicFile>
  #durable: Anchor
  #recordsBatch: number

  constructor(files: ReadonlyArray<DynamicFile>, durable: Anchor) {
    this.#files = files
    this.#durable = durable
    this.#recordsBatch = lastWithRecords(files)
  }

  /** All files, oldest first. A writer appends to the last one. */
  get files(): ReadonlyArray<DynamicFile> {
    return this.#files
  }

  /** The last durable batch, and the position of the next event. */
  get durable(): Anchor {
    return this.#durable
  }

  /** The last batch of these files, and of those that were closed since, that has records; 0 if no batch has. */
  get recordsBatch(): number {
    return this.#recordsBatch
  }

  /** The file that the writer appends to. */
  get current(): DynamicFile {
    return this.#files.at(-1)!
  }

  /** Files that cannot be closed, oldest first. */
  get stuck(): ReadonlyArray<StuckFile> {
    return this.#files.flatMap(({ dynamic, stuck }) =>
      stuck === undefined ? [] : [{ file: dynamicName(dynamic), why: stuck }]
    )
  }

  /** Returns the last checkpoint of a consumer in these files. Lib meta has an earlier one. */
  checkpoint(consumer: string): CheckpointState | undefined {
    for (let at = this.#files.length - 1; at >= 0; at--) {
      const checkpoint = this.#files[at]!.checkpoints.get(consumer)
      if (checkpoint !== undefined) return checkpoint
    }
    return undefined
  }

  /** Adds a durable batch to the current file, and shows it to reads. */
  publish(batch: PublishedBatch): void {
    this.current.add(batch)
    this.#durable = batch.anchor
    if (batch.parts.length > 0) this.#recordsBatch = batch.anchor.batch
  }

  /** Shows a batch that a reader has found in a file. */
  advance(file: DynamicFile, batch: PublishedBatch): void {
    file.add(batch)
    this.#durable = batch.anchor
  }

  /** Makes `next` the current file. It must be listed and empty. */
  roll(next: DynamicFile): void {
    next.standAt(this.#durable)
    // A program that has queried the events of this file will query those of the next one.
    if (this.#files.at(-1)?.events?.terms !== undefined && next.events?.count === 0)
      next.events.keepTerms(new EventTerms())
    this.#files = [...this.#files, next]
  }

  /** Removes the oldest file, which has been deleted. */
  dropOldest(): void {
    this.#files = this.#files.slice(1)
  }

  /** Removes all files, which have been deleted after the clean end. */
  end(): void {
    this.#files = []
  }

  /** Replaces the files by those that a refreshed reader has found. */
  show(files: ReadonlyArray<DynamicFile>, durable: Anchor): void {
    this.#files = files
    this.#durable = durable
  }
}
