/** Meta of an open tape: its folded state, and the ways to change it. Changes need the tape's lock. */
import * as Effect from "effect/Effect"
import { type MetaInvalid, TapeInvalid, type WriterPoisoned } from "../../domain/format/Errors.ts"
import { tapeMetaFile } from "../../domain/format/Format.ts"
import type { Limits } from "../../domain/format/Limits.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import type { TapeRecord, Unchained } from "../../domain/meta/SystemRecord.ts"
import * as TapeState from "../../domain/meta/TapeState.ts"
import type { Meta, Root, StorageError } from "../ports/Storage.ts"
import { checkTapeMetaSize, readMeta, segmentLineBytesMax } from "./metaLimits.ts"
import { type FoldedTapeMeta, metaMissing } from "./readTapeMeta.ts"
import type { WriterGuard } from "./WriterGuard.ts"

/** Owners of the lib that a change of tape meta needs. */
export interface TapeMetaContext {
  readonly root: Root
  readonly guard: WriterGuard
  readonly limits: Limits
}

type ChangeError = WriterPoisoned | StorageError | MetaInvalid | TapeInvalid

export class TapeMeta {
  readonly #tape: string
  readonly #context: TapeMetaContext
  #folded: FoldedTapeMeta

  constructor(tape: string, context: TapeMetaContext, folded: FoldedTapeMeta) {
    this.#tape = tape
    this.#context = context
    this.#folded = folded
  }

  get state(): TapeState.TapeState {
    return this.#folded.state
  }

  get end(): string | null {
    return this.#folded.end
  }

  get version(): string {
    return this.#folded.version
  }

  /** Shows meta that was written elsewhere: a reader was refreshed, or the tape was recovered. */
  show(folded: FoldedTapeMeta): void {
    this.#folded = folded
  }

  /** Appends a record: meta is copied with the record at its end, and replaced whole. */
  append(record: Unchained<TapeRecord>): Effect.Effect<void, ChangeError> {
    return Effect.flatMap(this.#readOwn, (meta) => {
      const { limits } = this.#context
      const state = TapeState.after(this.state, record)
      const longer = MetaChain.extendTape(meta.bytes, this.#folded.end, record, limits)
      // Folding may shrink it: that is how removing a user value frees space in a full meta.
      const worn = TapeState.isWorn(state) || longer === undefined || longer.bytes.length > limits.metaBytesMax
      const records = worn ? TapeState.refold(state) : []
      const written = worn ? MetaChain.writeTape(records, limits) : longer
      const folded = worn ? { ...state, lines: records.length } : state
      return Effect.andThen(checkTapeMetaSize(limits, this.#tape, written.bytes.length, state.lines), () =>
        this.#write(folded, written)
      )
    })
  }

  /** Replaces meta by the folded records of `state`. */
  replace(state: TapeState.TapeState): Effect.Effect<void, WriterPoisoned | MetaInvalid> {
    return Effect.suspend(() => {
      const { guard, limits } = this.#context
      const records = TapeState.refold(state)
      const written = MetaChain.writeTape(records, limits)
      return checkTapeMetaSize(limits, this.#tape, written.bytes.length, records.length).pipe(
        Effect.andThen(guard.checkLock),
        Effect.andThen(this.#write({ ...state, lines: records.length }, written))
      )
    })
  }

  /** Checks, before a segment is written, that meta is unchanged and has room for one more segment. */
  readonly checkRoom: Effect.Effect<void, ChangeError> = Effect.suspend(() =>
    Effect.flatMap(this.#readOwn, (meta): Effect.Effect<void, WriterPoisoned | MetaInvalid> => {
      const { limits } = this.#context
      if (meta.bytes.length + segmentLineBytesMax <= limits.metaBytesMax) return Effect.void
      // Folding may shrink it.
      const records = TapeState.refold(this.state)
      const bytes = MetaChain.writeTape(records, limits).bytes.length + segmentLineBytesMax
      return Effect.andThen(checkTapeMetaSize(limits, this.#tape, bytes, records.length), () =>
        this.replace(this.state)
      )
    })
  )

  #write(state: TapeState.TapeState, written: MetaChain.Written): Effect.Effect<void, WriterPoisoned> {
    const { guard, root } = this.#context
    return Effect.map(guard.step(root.meta.replace(this.#tape, this.version, written.bytes)), (version) => {
      this.#folded = { state, version, end: written.end }
    })
  }

  readonly #readOwn: Effect.Effect<Meta, ChangeError> = Effect.suspend(() => {
    const { guard, limits, root } = this.#context
    return Effect.flatMap(
      readMeta(root, this.#tape, limits.metaBytesMax),
      (meta): Effect.Effect<Meta, WriterPoisoned | TapeInvalid> => {
        // Nothing may be written to a tape without meta. The tape can be recovered.
        if (meta === undefined) return Effect.fail(new TapeInvalid({ tape: this.#tape, why: metaMissing }))
        if (meta.version === this.version) return Effect.succeed(meta)
        return Effect.fail(guard.stop(`${this.#tape}/${tapeMetaFile} was changed by another process`))
      }
    )
  })
}
