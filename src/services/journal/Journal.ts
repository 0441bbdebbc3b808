/**
 * The dynamic segments of an open lib, and how far its commits are durable. Everything that is committed and in no
 * segment yet stands in these files.
 */
import { dynamicName } from "../../domain/format/Names.ts"
import type { Anchor } from "../../domain/meta/SystemRecord.ts"
import type { DynamicFile, PublishedBatch } from "./DynamicFile.ts"

/** A dynamic segment that cannot be closed. */
export interface StuckFile {
  /** Its name. */
  readonly file: string
  readonly why: string
}

export class Journal {
  #files: ReadonlyArray<DynamicFile>
  #durable: Anchor

  constructor(files: ReadonlyArray<DynamicFile>, durable: Anchor) {
    this.#files = files
    this.#durable = durable
  }

  /** Oldest first. In a writer the last one is being written. */
  get files(): ReadonlyArray<DynamicFile> {
    return this.#files
  }

  /** The last durable batch, and the position of the next event. */
  get durable(): Anchor {
    return this.#durable
  }

  /** The file that is being written. */
  get current(): DynamicFile {
    return this.#files.at(-1)!
  }

  /** Files that cannot be closed, oldest first. */
  get stuck(): ReadonlyArray<StuckFile> {
    return this.#files.flatMap(({ dynamic, stuck }) =>
      stuck === undefined ? [] : [{ file: dynamicName(dynamic), why: stuck }]
    )
  }

  /** Adds a durable batch to the current file, and shows it to readers. */
  publish(batch: PublishedBatch): void {
    this.current.add(batch)
    this.#durable = batch.anchor
  }

  /** Goes on in `next`, which is listed and empty. */
  roll(next: DynamicFile): void {
    next.standAt(this.#durable)
    this.#files = [...this.#files, next]
  }

  /** Forgets the oldest file, which has been deleted. */
  dropOldest(): void {
    this.#files = this.#files.slice(1)
  }

  /** Forgets all files: after the clean end of a lib they have been deleted. */
  end(): void {
    this.#files = []
  }

  /** Shows what a reader found when it looked again. */
  show(files: ReadonlyArray<DynamicFile>, durable: Anchor): void {
    this.#files = files
    this.#durable = durable
  }
}
