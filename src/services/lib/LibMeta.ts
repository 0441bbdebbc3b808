/** Lib meta of an open lib: its folded state, and the only way to change it. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { MetaInvalid, WriterPoisoned } from "../../domain/format/Errors.ts"
import type { Limits } from "../../domain/format/Limits.ts"
import * as LibFold from "../../domain/meta/LibFold.ts"
import * as LibRefold from "../../domain/meta/LibRefold.ts"
import type { CheckpointState } from "../../domain/meta/Checkpoint.ts"
import { checkpointRecord } from "../../domain/meta/LibRefold.ts"
import * as LibState from "../../domain/meta/LibState.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import type { LibRecord, Unchained } from "../../domain/meta/SystemRecord.ts"
import type { Root } from "../ports/Storage.ts"
import { checkLibMetaRoom, isFull, libMetaFull } from "./metaLimits.ts"
import type { WriterGuard } from "./WriterGuard.ts"

/** Lib meta as it is on the disk. */
export interface FoldedLibMeta {
  readonly state: LibState.LibState
  /** Version that the storage gave it. */
  readonly version: string
  /** Hash of its last record. */
  readonly end: string | null
  /** Size in bytes. */
  readonly bytes: number
}

export class LibMeta {
  readonly #root: Root
  readonly #guard: WriterGuard
  readonly #lock = Semaphore.makeUnsafe(1)
  #folded: FoldedLibMeta

  constructor(root: Root, guard: WriterGuard, folded: FoldedLibMeta) {
    this.#root = root
    this.#guard = guard
    this.#folded = folded
  }

  get state(): LibState.LibState {
    return this.#folded.state
  }

  get version(): string {
    return this.#folded.version
  }

  get limits(): Limits {
    return this.#folded.state.limits
  }

  /** Replaces the state by the one that a refreshed reader has found. */
  show(folded: FoldedLibMeta): void {
    this.#folded = folded
  }

  /** Runs `effect` while nothing changes lib meta. */
  unchanged<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.#lock.withPermit(effect)
  }

  /**
   * Fails if lib meta has no room for a record that a user asks for. Call it before writing anything for that record.
   */
  checkRoom(record: Unchained<LibRecord>): Effect.Effect<void, MetaInvalid> {
    return Effect.suspend(() => checkLibMetaRoom(this.#folded, record))
  }

  /**
   * Lists a consumer that is not listed yet. Fails if lib meta has no room for it. In one step with the look, because a
   * checkpoint may be folded into lib meta at any time, and must not be overridden.
   */
  listConsumer(consumer: string, checkpoint: () => CheckpointState): Effect.Effect<void, MetaInvalid | WriterPoisoned> {
    return this.#lock.withPermit(
      Effect.uninterruptible(
        Effect.suspend(() => {
          if (this.state.checkpoints.has(consumer)) return Effect.void
          const record = checkpointRecord(consumer, checkpoint())
          return Effect.andThen(checkLibMetaRoom(this.#folded, record), this.#append(record))
        })
      )
    )
  }

  /**
   * Appends one record durably and folds it into the state. If meta has become long, it is folded and replaced whole.
   */
  append(record: Unchained<LibRecord>): Effect.Effect<void, WriterPoisoned> {
    return this.#lock.withPermit(Effect.uninterruptible(Effect.suspend(() => this.#append(record))))
  }

  #append(record: Unchained<LibRecord>): Effect.Effect<void, WriterPoisoned> {
    const { version, end, bytes: before } = this.#folded
    const { checkpoints, format, limits, tapes } = this.state
    // What is not durable yet is in no state that anybody sees: a tape that is listed may be written to.
    const change = LibFold.change(this.state, record)
    const { live } = change.draft
    const line = MetaChain.write<LibRecord>(end, [record], limits)
    const isLong = change.records > 2 * (tapes.size + checkpoints.size + live.length + 2) + 64
    // Nothing of a later format is ever in a meta that says an earlier one: older releases must refuse it as a whole.
    const isLater = LibState.formatOf(change.draft) > format
    // A rewrite describes the epoch by its dynamic segments. After `Clean` there is not one left.
    const worn = live.length > 0 && (isLong || isLater || isFull(this.#folded, line.bytes.length))
    const records = worn ? LibRefold.refoldWithin(LibFold.after(this.state, record)) : []
    const written = worn ? MetaChain.write<LibRecord>(null, records, limits) : line
    const bytes = worn ? written.bytes.length : before + written.bytes.length
    if (bytes > limits.metaBytesMax) return Effect.fail(this.#guard.stop(libMetaFull(bytes, limits)))
    const writing = worn
      ? this.#root.meta.replace(undefined, version, written.bytes)
      : this.#root.meta.append(undefined, version, written.bytes)
    return Effect.map(Effect.andThen(this.#guard.checkLock, this.#guard.step(writing)), (next) => {
      const state = LibFold.advance(this.state, change)
      this.#folded = {
        state: worn ? { ...state, format: LibState.formatOf(state), records: records.length } : state,
        version: next,
        end: written.end,
        bytes
      }
    })
  }
}
