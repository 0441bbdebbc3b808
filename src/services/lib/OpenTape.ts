/** A tape in use: its meta, and the committed records that are in no segment yet. */
import * as Semaphore from "effect/Semaphore"
import type { Role } from "../../domain/meta/SystemRecord.ts"
import type * as TapeState from "../../domain/meta/TapeState.ts"
import type { LivePart } from "../journal/DynamicFile.ts"
import type { FoldedTapeMeta } from "./readTapeMeta.ts"
import { TapeMeta, type TapeMetaContext } from "./TapeMeta.ts"

/** What is known of a tape at one moment. */
export interface TapeView {
  readonly meta: FoldedTapeMeta
  /** Committed and acknowledged, in no segment yet; ascending. */
  readonly parts: ReadonlyArray<LivePart>
  /**
   * Records at the end of its segments that a reader must not show yet: as far as it knows, their batch is not
   * acknowledged.
   */
  readonly hidden: number
}

export class OpenTape {
  readonly name: string
  readonly meta: TapeMeta
  readonly lock = Semaphore.makeUnsafe(1)
  /** One repack of a tape at a time. */
  readonly repacking = Semaphore.makeUnsafe(1)
  #id: string
  #parts: Array<LivePart>
  #hidden: number
  #generation = 0
  #reserved = 0
  #repacked: number | undefined

  constructor(name: string, context: TapeMetaContext, view: TapeView) {
    this.name = name
    this.meta = new TapeMeta(name, context, view.meta)
    this.#id = view.meta.state.tape
    this.#parts = [...view.parts]
    this.#hidden = view.hidden
  }

  get id(): string {
    return this.#id
  }

  get role(): Role {
    return this.state.role
  }

  get state(): TapeState.TapeState {
    return this.meta.state
  }

  /** Committed and acknowledged, in no segment yet; ascending. Some readers walk it: it grows, or is replaced. */
  get parts(): ReadonlyArray<LivePart> {
    return this.#parts
  }

  /** Records at the end of its segments that a reader must not show yet. */
  get hidden(): number {
    return this.#hidden
  }

  /** Goes up when the tape was recovered: what was known of its streams is not true any more. */
  get generation(): number {
    return this.#generation
  }

  /** Number of records, those that are committed and in no segment yet included. */
  get records(): number {
    const last = this.#parts.at(-1)
    return last === undefined ? this.state.records - this.#hidden : last.firstOrdinal + last.count
  }

  /** Shows what a durable batch has for this tape. */
  publish(part: LivePart): void {
    this.#parts.push(part)
  }

  /** Drops the parts of batches up to `upto`: a segment holds them now. */
  flushed(upto: number): void {
    // Replaced, not changed: a reader may be walking the old one.
    this.#parts = this.#parts.filter((part) => part.batch > upto)
  }

  /** Shows a newer view of the same tape. */
  show(newer: TapeView): void {
    this.meta.show(newer.meta)
    this.#parts = [...newer.parts]
    this.#hidden = newer.hidden
  }

  /** Shows what recovery made of the tape: whoever uses it goes on with that, under its new identity. */
  become(recovered: TapeView): void {
    this.#id = recovered.meta.state.tape
    this.#generation++
    this.#reserved = 0
    this.#repacked = undefined
    this.show(recovered)
  }

  /**
   * Takes the numbers of `count` segments to come, in a row. Returns the first of them. A number that is taken and not
   * used is left out: numbers ascend along the stream, and nothing else is asked of them (I3).
   */
  takeNumbers(count: number): number {
    const first = Math.max(this.state.nextNumber, this.#reserved)
    this.#reserved = first + count
    return first
  }

  /**
   * Takes numbers for a repack. Those that the repack before it took and did not use are taken again, unless somebody
   * took any since: then the same numbers are left out before its outputs, by which recovery knows them.
   */
  takeRepackNumbers(count: number): number {
    if (this.#reserved === this.#repacked) this.#reserved = 0
    this.#repacked = undefined
    return this.takeNumbers(count)
  }

  /** Notes that a repack is done that had taken the numbers before `end`. */
  endRepack(end: number): void {
    this.#repacked = end
  }
}
