/** A tape in use: its meta, and its committed records that are in no segment yet. */
import * as Semaphore from "effect/Semaphore"
import type { Role } from "../../domain/meta/SystemRecord.ts"
import type * as TapeState from "../../domain/meta/TapeState.ts"
import type { LivePart } from "../journal/DynamicFile.ts"
import type { FoldedTapeMeta } from "./readTapeMeta.ts"
import { TapeMeta, type TapeMetaContext } from "./TapeMeta.ts"

/** State of a tape at one moment. */
export interface TapeView {
  readonly meta: FoldedTapeMeta
  /** Acknowledged records that are in no segment yet, ascending. */
  readonly parts: ReadonlyArray<LivePart>
  /**
   * Number of records at the end of its segments that a reader must hide: as far as it knows, their batch is not
   * acknowledged.
   */
  readonly hidden: number
  /** The dynamic segments in which a reader saw any of its records, also hidden ones. */
  readonly dynamics?: ReadonlySet<number>
}

const noDynamics: ReadonlySet<number> = new Set()

export class OpenTape {
  readonly name: string
  readonly meta: TapeMeta
  readonly lock = Semaphore.makeUnsafe(1)
  /** Only one repack of a tape runs at a time. */
  readonly repacking = Semaphore.makeUnsafe(1)
  #id: string
  #parts: Array<LivePart>
  #hidden: number
  #generation = 0
  #dynamics: ReadonlySet<number>
  #moves = 0
  #reserved = 0
  #repacked: number | undefined

  constructor(name: string, context: TapeMetaContext, view: TapeView) {
    this.name = name
    this.meta = new TapeMeta(name, context, view.meta)
    this.#id = view.meta.state.tape
    this.#parts = [...view.parts]
    this.#hidden = view.hidden
    this.#dynamics = view.dynamics ?? noDynamics
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

  /**
   * Acknowledged records that are in no segment yet, ascending. Readers may be walking the array: it only grows, or is
   * replaced.
   */
  get parts(): ReadonlyArray<LivePart> {
    return this.#parts
  }

  /** Number of records at the end of its segments that a reader must hide. */
  get hidden(): number {
    return this.#hidden
  }

  /** Increases when the tape is recovered: anything known of its streams may be wrong now. */
  get generation(): number {
    return this.#generation
  }

  /**
   * Says which files hold its records. It changes with its meta, and when a reader no longer sees one of its dynamic
   * segments: taking over moves the last batch into a new one, without a change of the tape's meta.
   */
  get layout(): string {
    return `${this.meta.version} ${this.#moves}`
  }

  /** Number of records, including those that are in no segment yet. */
  get records(): number {
    const last = this.#parts.at(-1)
    return last === undefined ? this.state.records - this.#hidden : last.firstOrdinal + last.count
  }

  /** Shows the records that a durable batch has for this tape. */
  publish(part: LivePart): void {
    this.#parts.push(part)
  }

  /** Shows the records that a newly seen batch has for this tape, in a reader. */
  advance(part: LivePart): void {
    const { dynamic } = part.file
    if (!this.#dynamics.has(dynamic)) this.#dynamics = new Set([...this.#dynamics, dynamic])
    this.#parts.push(part)
  }

  /** Drops the parts of batches up to `upto`, which are in a segment now. */
  flushed(upto: number): void {
    // Replaced instead of changed, because a reader may be walking the old array.
    this.#parts = this.#parts.filter((part) => part.batch > upto)
  }

  /** Shows a newer view of the same tape. */
  show(newer: TapeView): void {
    this.meta.show(newer.meta)
    const dynamics = newer.dynamics ?? noDynamics
    for (const dynamic of this.#dynamics) if (!dynamics.has(dynamic)) this.#moves++
    this.#dynamics = dynamics
    this.#parts = [...newer.parts]
    this.#hidden = newer.hidden
  }

  /** Shows the recovered tape: everyone who uses this tape continues with it, under its new id. */
  become(recovered: TapeView): void {
    this.#id = recovered.meta.state.tape
    this.#generation++
    this.#reserved = 0
    this.#repacked = undefined
    this.show(recovered)
  }

  /** A loss was accepted: what is known of its streams must be looked up again. */
  renew(): void {
    this.#generation++
  }

  /**
   * Takes `count` consecutive segment numbers and returns the first. Numbers that are taken but not used are skipped:
   * they only have to ascend along the stream (I3).
   */
  takeNumbers(count: number): number {
    const first = Math.max(this.state.nextNumber, this.#reserved)
    this.#reserved = first + count
    return first
  }

  /**
   * Takes numbers for a repack. If nobody took numbers since the last repack, its unused numbers are taken again. So
   * the gap before the outputs always has the same length, by which recovery recognises a repack.
   */
  takeRepackNumbers(count: number): number {
    if (this.#reserved === this.#repacked) this.#reserved = 0
    this.#repacked = undefined
    return this.takeNumbers(count)
  }

  /** Notes that a repack, which took the numbers before `end`, is done. */
  endRepack(end: number): void {
    this.#repacked = end
  }
}
