/**
 * The tapes of an open lib that are in use, loaded at their first use, and the reserved names of tapes that are being
 * created.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { TapeExists, TapeInvalid, type TapeNotFound, type WriterPoisoned } from "../../domain/format/Errors.ts"
import { tapeNotFound } from "../../domain/format/TapeErrors.ts"
import { parseIfSegmentName } from "../../domain/format/parseIfSegmentName.ts"
import type { TapeListing } from "../../domain/meta/LibState.ts"
import type { TapeState } from "../../domain/meta/TapeState.ts"
import type { Journal } from "../journal/Journal.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import { EventTapeCount } from "./manyTapes.ts"
import type { LibMeta } from "./LibMeta.ts"
import { OpenTape, type TapeView } from "./OpenTape.ts"
import { partsAfter, partsInRow } from "./partsAfter.ts"
import { readTapeMeta, type TapeMetaError } from "./readTapeMeta.ts"
import type { TapeMetaContext } from "./TapeMeta.ts"
import type { WriterGuard } from "./WriterGuard.ts"
import * as IndexFiles from "../segment/IndexFiles.ts"

/**
 * Errors of loading a tape. `TapeInvalid`, `MetaCorrupt` and `MetaInvalid` mean that its meta is missing or damaged:
 * restore it from a copy, or recover the tape.
 */
export type LoadError = TapeNotFound | TapeMetaError | StorageError | WriterPoisoned

/** Owners that loading a tape needs. */
export interface RegistryContext {
  readonly root: Root
  readonly guard: WriterGuard
  readonly meta: LibMeta
  readonly journal: Journal
  /**
   * Whether the writer before this one ended without a clean close. Then everything that it left is rewritten before
   * use (I2).
   */
  readonly unclean: boolean
}

export class TapeRegistry {
  readonly unclean: boolean
  readonly eventTapes: EventTapeCount
  readonly #context: RegistryContext
  readonly #tapeContext: TapeMetaContext
  readonly #tapes = new Map<string, OpenTape>()
  /** Names of tapes that are being created and are not listed yet. */
  readonly #building = new Set<string>()
  /** Only one load, or one change to the listed tapes, runs at a time. */
  readonly #lock = Semaphore.makeUnsafe(1)

  constructor(context: RegistryContext) {
    this.unclean = context.unclean
    this.eventTapes = new EventTapeCount(context.root.location, context.meta.state)
    this.#context = context
    this.#tapeContext = { root: context.root, guard: context.guard, limits: context.meta.limits }
  }

  /** All tapes in use. */
  get inUse(): ReadonlyArray<OpenTape> {
    return [...this.#tapes.values()]
  }

  /** Returns the entry of a tape in lib meta. */
  listing(name: string): TapeListing | undefined {
    return this.#context.meta.state.tapes.get(name)
  }

  /** Returns a tape if it is in use. */
  known(name: string): OpenTape | undefined {
    return this.#tapes.get(name)
  }

  /** Returns the tape with this name. Loads it at its first use. */
  get(name: string): Effect.Effect<OpenTape, LoadError> {
    return Effect.suspend(() => {
      const known = this.#tapes.get(name)
      if (known !== undefined) return Effect.succeed(known)
      return this.#lock.withPermit(
        Effect.suspend(() => {
          const loaded = this.#tapes.get(name)
          return loaded === undefined ? this.#load(name) : Effect.succeed(loaded)
        })
      )
    })
  }

  /** Runs `effect` while no tape is loaded, listed or reserved. */
  exclusively<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.#lock.withPermit(effect)
  }

  /** Fails if a tape with this name exists or is being created. Call it within `exclusively`. */
  checkFree(name: string): Effect.Effect<void, TapeExists> {
    return Effect.suspend(() => {
      const taken = this.listing(name) !== undefined || this.#building.has(name)
      return taken ? Effect.fail(new TapeExists({ tape: name })) : Effect.void
    })
  }

  /** Reserves the name while `build` runs, so that no other fibre creates a tape with this name. */
  reserved<A, E>(name: string, build: () => Effect.Effect<A, E>): Effect.Effect<A, E | TapeExists> {
    const reserve = Effect.tap(this.checkFree(name), () => Effect.sync(() => this.#building.add(name)))
    return Effect.acquireUseRelease(this.exclusively(reserve), build, () =>
      Effect.sync(() => {
        this.#building.delete(name)
      })
    )
  }

  /** Shows what a refreshed reader has found. A tape in use continues with its newer view. */
  show(views: ReadonlyMap<string, TapeView>): void {
    for (const [name, view] of views) {
      const known = this.#tapes.get(name)
      if (known?.id === view.meta.state.tape) known.show(view)
      else this.#tapes.set(name, new OpenTape(name, this.#tapeContext, view))
    }
    for (const name of this.#tapes.keys()) if (!views.has(name)) this.#tapes.delete(name)
  }

  readonly #load = Effect.fnUntraced({ self: this }, function* (this: TapeRegistry, name: string): Effect.fn.Return<
    OpenTape,
    LoadError
  > {
    const { guard, journal, meta: lib, root } = this.#context
    const listed = this.listing(name)
    if (listed === undefined) return yield* tapeNotFound(name)
    let meta = yield* readTapeMeta(root, lib.state, listed)
    if (root.mode === "read") {
      yield* partsInRow(journal, listed, meta.state)
      return yield* new TapeInvalid({
        tape: name,
        why: "its meta could not be used when this reader last scanned the lib. Refresh the reader."
      })
    }
    if (this.unclean) {
      // I2: files of an interrupted writer may be readable and still not be durable. Rewriting makes them durable.
      const version = yield* guard.step(root.meta.replace(name, meta.version, meta.bytes))
      meta = { ...meta, version }
    }
    const parts = yield* partsAfter(journal, listed, meta.state)
    // Only once meta is known to be the latest: a file that an older meta does not list may be in use.
    if (this.unclean) yield* removeGarbage(root, name, meta.state)
    const tape = new OpenTape(name, this.#tapeContext, { meta, parts, hidden: 0 })
    this.#tapes.set(name, tape)
    return tape
  })
}

/**
 * Removes the files of an interrupted flush or repack, which meta does not list. Files from before a recovery stay,
 * since they may be the only copy. If a listed file is missing, all files stay: an older meta may have been restored.
 */
const removeGarbage = (root: Root, tape: string, state: TapeState): Effect.Effect<void, StorageError> =>
  Effect.flatMap(root.segments.list(tape), (names) => {
    const listed = new Set(state.segments.map((segment) => segment.name))
    const found = new Set(names)
    const isWhole = state.segments.every((segment) => found.has(segment.name))
    const garbage = names.filter((name) => {
      const number = parseIfSegmentName(name)?.number
      return isWhole && number !== undefined && number >= state.takenNumbers && !listed.has(name)
    })
    const remove = (name: string) =>
      Effect.andThen(
        Effect.ignore(IndexFiles.remove(root.derived, tape, name)),
        Effect.ignore(root.segments.remove(tape, name))
      )
    return Effect.forEach(garbage, remove, { discard: true })
  })
