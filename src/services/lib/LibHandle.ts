/**
 * What an open lib holds in common: its place, the folded meta, the live dynamic segments, the loaded tapes, and
 * whether its writer still may write.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Semaphore from "effect/Semaphore"
import * as LibState from "../../domain/meta/LibState.ts"
import { LibClosed, ReadOnly, WriterPoisoned } from "../../domain/format/Errors.ts"
import * as MetaChain from "../../domain/meta/MetaChain.ts"
import type { Anchor, LibRecord, Unchained } from "../../domain/meta/SystemRecord.ts"
import { noPlace, type SealPlace } from "../ports/Sealing.ts"
import type { Root } from "../ports/Storage.ts"
import type { DynamicFile } from "../journal/DynamicFile.ts"
import { FrameCache } from "../segment/FrameCache.ts"
import { isFull, libMetaFull } from "./metaLimits.ts"
import type { SegmentError } from "../segment/SegmentFile.ts"
import type { IndexHandle } from "../segment/SegmentIndexFile.ts"
import type { OpenTape } from "./OpenTape.ts"

/** How the writer works; none of it changes the format. */
export interface WriterSettings {
  /** A dynamic segment is closed at this size. */
  readonly closeBytes: number
  /** … or this long after its first batch. */
  readonly closeAfterMillis: number
  /** Dynamic segments that may wait for their close; beyond that, appends wait. */
  readonly backlogMax: number
  /** A tape with so many small segments at its end has them merged; `undefined`: never. */
  readonly mergeSegments?: number | undefined
}

export class Core {
  readonly root: Root
  readonly settings: WriterSettings
  readonly uuid: (nowMillis: number) => string
  /** Where the segments of a flush are sealed; known to a writer. */
  sealing: SealPlace = noPlace
  readonly metaLock = Semaphore.makeUnsafe(1)
  /** One load of a tape, and one rebuild of an index, at a time. */
  readonly loadLock = Semaphore.makeUnsafe(1)
  readonly indexLock = Semaphore.makeUnsafe(1)
  readonly tapes = new Map<string, OpenTape>()
  readonly indexes = new Map<string, IndexHandle>()
  readonly frames = new FrameCache<SegmentError>()
  /** Names of tapes that are being built and are not listed yet. */
  readonly building = new Set<string>()
  /** Oldest first; while writing, the last one is being written. */
  dynamics: Array<DynamicFile> = []
  state: LibState.LibState
  metaVersion: string
  metaEnd: string | null
  /** Size of lib meta, in bytes; known to a writer. */
  metaBytes = 0
  /** The last durable batch, the next event position. */
  durable: Anchor
  /** Whether the writer before this one ended without a clean close: what it left is written again before it is trusted. */
  unclean = false
  /** Why the writer stopped, once it has. */
  poison: string | undefined
  closed = false
  /** Operations that closing interrupts. */
  readonly interruptible = new Set<Fiber.Fiber<unknown, unknown>>()

  constructor(options: {
    readonly root: Root
    readonly settings: WriterSettings
    readonly uuid: (nowMillis: number) => string
    readonly state: LibState.LibState
    readonly metaVersion: string
    readonly metaEnd: string | null
  }) {
    this.root = options.root
    this.settings = options.settings
    this.uuid = options.uuid
    this.state = options.state
    this.metaVersion = options.metaVersion
    this.metaEnd = options.metaEnd
    this.durable = options.state.anchor
  }

  get location(): string {
    return this.root.location
  }

  get current(): DynamicFile {
    return this.dynamics.at(-1)!
  }

  /** Why nothing may be written now, if so. Looked at after every wait (I6). */
  refusal(): WriterPoisoned | LibClosed | ReadOnly | undefined {
    if (this.poison !== undefined) return new WriterPoisoned({ location: this.location, cause: this.poison })
    if (this.closed) return new LibClosed({ location: this.location })
    if (this.root.mode === "read") return new ReadOnly({ location: this.location })
    return undefined
  }

  /** Stops the writer for good; the first cause stands. */
  stop(cause: string): WriterPoisoned {
    this.poison ??= cause
    return new WriterPoisoned({ location: this.location, cause: this.poison })
  }
}

/** What an operation on a writer may meet at any step. */
export type WriteError = WriterPoisoned | LibClosed | ReadOnly

/** Fails unless the writer may go on. */
export const guard = (core: Core): Effect.Effect<void, WriteError> =>
  Effect.suspend(() => {
    const refusal = core.refusal()
    return refusal === undefined ? Effect.void : Effect.fail(refusal)
  })

/**
 * One step that writes. Whatever it fails with stops the whole lib's writer, at once (I6); and if another step stopped
 * the writer meanwhile, this one's success must not lead to a next step.
 */
export const writeStep = <A, E extends { readonly message: string }>(
  core: Core,
  step: Effect.Effect<A, E>
): Effect.Effect<A, WriterPoisoned> =>
  Effect.suspend(() => {
    if (core.poison !== undefined) return Effect.fail(core.stop(core.poison))
    return Effect.matchEffect(step, {
      onFailure: (error) => Effect.fail(core.stop(error.message)),
      onSuccess: (value) => (core.poison === undefined ? Effect.succeed(value) : Effect.fail(core.stop(core.poison)))
    })
  })

/**
 * A long operation that closing must not wait for: it is interrupted when the lib is closed. What it leaves is cleaned up
 * when this returns.
 */
export const whileOpen = <A, E, R>(core: Core, operation: Effect.Effect<A, E, R>): Effect.Effect<A, E | LibClosed, R> =>
  Effect.acquireUseRelease(
    Effect.tap(Effect.forkChild(Effect.interruptible(operation)), (fiber) =>
      Effect.sync(() => {
        core.interruptible.add(fiber)
        if (core.closed) fiber.interruptUnsafe()
      })
    ),
    (fiber) =>
      Effect.flatMap(Fiber.await(fiber), (exit): Effect.Effect<A, E | LibClosed> => {
        if (core.closed && Exit.hasInterrupts(exit)) return Effect.fail(new LibClosed({ location: core.location }))
        return exit
      }),
    (fiber) => {
      core.interruptible.delete(fiber)
      return Fiber.interrupt(fiber)
    }
  )

/** A lock file that was unlinked lets a second writer in: nothing that it may have written is written over. */
export const checkLock = (core: Core): Effect.Effect<void, WriterPoisoned> => writeStep(core, core.root.checkLock)

/** Appends one record to lib meta, durably, and folds it into the state. */
export const appendLibMeta = (core: Core, record: Unchained<LibRecord>): Effect.Effect<void, WriterPoisoned> =>
  core.metaLock.withPermit(
    Effect.uninterruptible(
      Effect.suspend(() => {
        const state = LibState.after(core.state, record)
        const line = MetaChain.write<LibRecord>(core.metaEnd, [record], state.limits)
        const isLong = state.records > 2 * (state.tapes.size + state.live.length + 2) + 64
        // A rewrite says where the epoch stands by its dynamic segments: after Clean there are none.
        const worn = state.live.length > 0 && (isLong || isFull(core, line.bytes.length))
        const written = worn ? MetaChain.write<LibRecord>(null, LibState.refoldWithin(state), state.limits) : line
        const bytes = worn ? written.bytes.length : core.metaBytes + written.bytes.length
        if (bytes > state.limits.metaBytesMax) return Effect.fail(core.stop(libMetaFull(bytes, state.limits)))
        const change = worn
          ? core.root.replaceMeta(undefined, core.metaVersion, written.bytes)
          : core.root.appendMeta(undefined, core.metaVersion, written.bytes)
        return Effect.map(Effect.andThen(checkLock(core), writeStep(core, change)), (version) => {
          core.metaVersion = version
          core.metaEnd = written.end
          core.metaBytes = bytes
          core.state = worn ? { ...state, records: LibState.refoldWithin(state).length } : state
        })
      })
    )
  )
