/** The tapes of an open lib that are in use, loaded at their first use, and the names of those that are being made. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { TapeExists, TapeInvalid, TapeNotFound, type WriterPoisoned } from "../../domain/format/Errors.ts"
import { parseIfSegmentName } from "../../domain/format/parseIfSegmentName.ts"
import type { TapeListing } from "../../domain/meta/LibState.ts"
import type { TapeState } from "../../domain/meta/TapeState.ts"
import type { Journal } from "../journal/Journal.ts"
import type { Root, StorageError } from "../ports/Storage.ts"
import type { LibMeta } from "./LibMeta.ts"
import { OpenTape, type TapeView } from "./OpenTape.ts"
import { partsAfter, partsInRow } from "./partsAfter.ts"
import { readTapeMeta, type TapeMetaError } from "./readTapeMeta.ts"
import type { TapeMetaContext } from "./TapeMeta.ts"
import type { WriterGuard } from "./WriterGuard.ts"
import * as IndexFiles from "../segment/IndexFiles.ts"

/** What loading a tape may fail with. */
export type LoadError = TapeNotFound | TapeMetaError | StorageError | WriterPoisoned

/** The owners that loading a tape asks. */
export interface RegistryContext {
  readonly root: Root
  readonly guard: WriterGuard
  readonly meta: LibMeta
  readonly journal: Journal
  /** Whether the writer before this one ended without a clean close: what it left is written again before it is trusted. */
  readonly unclean: boolean
}

export class TapeRegistry {
  readonly unclean: boolean
  readonly #context: RegistryContext
  readonly #tapeContext: TapeMetaContext
  readonly #tapes = new Map<string, OpenTape>()
  /** Names of tapes that are being built and are not listed yet. */
  readonly #building = new Set<string>()
  /** One load, or one change of what is listed, at a time. */
  readonly #lock = Semaphore.makeUnsafe(1)

  constructor(context: RegistryContext) {
    this.unclean = context.unclean
    this.#context = context
    this.#tapeContext = { root: context.root, guard: context.guard, limits: context.meta.limits }
  }

  /** All tapes in use. */
  get inUse(): ReadonlyArray<OpenTape> {
    return [...this.#tapes.values()]
  }

  /** Returns what the lib says of a tape. */
  listing(name: string): TapeListing | undefined {
    return this.#context.meta.state.tapes.get(name)
  }

  /** Returns a tape if it is in use. */
  known(name: string): OpenTape | undefined {
    return this.#tapes.get(name)
  }

  /** Returns the tape of that name. Loads it at its first use. */
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

  /** Runs `effect` while no tape is loaded, listed, or reserved. */
  exclusively<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.#lock.withPermit(effect)
  }

  /** Fails if there is a tape of that name, or one is being built. Ask it exclusively. */
  checkFree(name: string): Effect.Effect<void, TapeExists> {
    return Effect.suspend(() => {
      const taken = this.listing(name) !== undefined || this.#building.has(name)
      return taken ? Effect.fail(new TapeExists({ tape: name })) : Effect.void
    })
  }

  /** Runs `build` while the name is reserved: nobody else makes a tape of that name meanwhile. */
  reserved<A, E>(name: string, build: () => Effect.Effect<A, E>): Effect.Effect<A, E | TapeExists> {
    const reserve = Effect.tap(this.checkFree(name), () => Effect.sync(() => this.#building.add(name)))
    return Effect.acquireUseRelease(this.exclusively(reserve), build, () =>
      Effect.sync(() => {
        this.#building.delete(name)
      })
    )
  }

  /** Shows what a reader found when it looked again. A tape in use goes on with the newer view. */
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
    if (listed === undefined) return yield* new TapeNotFound({ tape: name })
    let meta = yield* readTapeMeta(root, lib.state, listed)
    if (root.mode === "read") {
      yield* partsInRow(journal, listed, meta.state)
      return yield* new TapeInvalid({ tape: name, why: "its meta was bad when this reader looked: refresh it" })
    }
    if (this.unclean) {
      // I2: what an interrupted writer left may be readable and still not durable. Written again, it is.
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
 * Removes what an interrupted flush or repack left: files that meta never listed, or lists no more. Files from before a
 * recovery stay, since they may be somebody's only copy. If a listed file is missing, all of them stay: meta may be an
 * older one that was put back.
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
