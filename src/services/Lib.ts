/**
 * A lib: a folder of tapes with one writer. Opening it for writing takes over what an interrupted writer had committed;
 * closing its scope puts everything into segments and frees the lock.
 *
 * @see `litetapes/Tape`, `litetapes/EventStore`
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import {
  type LibClosed,
  type LibInvalid,
  type LibLocked,
  type MetaInvalid,
  type ReaderBusy,
  ReadOnly,
  type TapeExists,
  type TapeNotFound
} from "../domain/format/Errors.ts"
import type { TapeListing } from "../domain/meta/LibState.ts"
import { closeBytesCeiling, type Limits } from "../domain/format/Limits.ts"
import type { InvalidTapeName } from "../domain/format/Names.ts"
import type { Placement } from "../domain/format/Placement.ts"
import { makeUuidV7 } from "../domain/base/Uuid.ts"
import type { FlushError } from "./write/flush.ts"
import type { CommitError } from "./write/CommitLoop.ts"
import type { LibHandle } from "./lib/LibHandle.ts"
import type { WriteError } from "./lib/WriterGuard.ts"
import { type Append, type AppendError, appendRecords, type Receipt } from "./write/appendRecords.ts"
import { register } from "./internals.ts"
import { fromStorage, type OpenError } from "./lib/OpenError.ts"
import { openWriter, type OpenReport } from "./lib/openWriter.ts"
import type { StuckFile } from "./journal/Journal.ts"
import { openReader, refreshReader } from "./lib/openReader.ts"
import type { LoadError } from "./lib/TapeRegistry.ts"
import type { OnProgress, Progress } from "./base/Progress.ts"
import {
  recoverLib,
  type RecoverLibError,
  type RecoverLibOptions,
  type RecoverLibReport
} from "./maintenance/recover/RecoverLib.ts"
import { type RecoverError, type RecoverReport, recoverTape } from "./maintenance/recover/RecoverTape.ts"
import { createTape, setTapeState } from "./lib/TapeCatalog.ts"
import { mergeSmall } from "./maintenance/repack/Repack.ts"
import { type VerifyOptions, type VerifyReport, verifyLib } from "./maintenance/verify/Verify.ts"
import { start, type Writer } from "./write/Writer.ts"
import { wholeNumber } from "../domain/base/wholeNumber.ts"
import { Randomness } from "./ports/Randomness.ts"
import { Sealing } from "./ports/Sealing.ts"
import { type Root, Storage, type StorageError } from "./ports/Storage.ts"

export type { Append, AppendError, CommitError, FlushError, Limits, LoadError, OpenError, OpenReport, Placement }
export type { OnProgress, Progress, Receipt, RecoverError, RecoverLibError, RecoverLibOptions, RecoverLibReport }
export type { RecoverReport, StuckFile, TapeListing, VerifyOptions, VerifyReport, WriteError }

/** How to open a lib. */
export interface Options {
  /** `write` (the default) takes the lock and creates an absent lib; `read` looks at it beside its writer. */
  readonly mode?: "write" | "read"
  /** Limits of a new lib; an existing one must have these. */
  readonly limits?: Partial<Limits>
  /** How streams are placed on tapes in a new lib; an existing one must have this placement. Default: by category. */
  readonly placement?: Placement
  /** A dynamic segment is closed at this many bytes. Default: 64 MiB; at most 512 MiB. */
  readonly closeBytes?: number
  /** … or this long after its first batch. Default: 60 seconds. */
  readonly closeAfter?: Duration.Input
  /** Dynamic segments that may wait for their close before appends wait too. Default: 4. */
  readonly backlogMax?: number
  /**
   * Merges the segments at a tape's end, in the background after a close, when so many of them are smaller than half of
   * `closeBytes`. Default: never; `tape.repack` does it on demand.
   */
  readonly mergeSegments?: number
}

/** Where a lib stands: the last durable batch, and the position of the next event. */
export interface Durable {
  readonly batch: number
  readonly position: number
}

export class Lib extends Context.Service<
  Lib,
  {
    readonly id: string
    readonly location: string
    readonly mode: "write" | "read"
    readonly created: string
    readonly limits: Limits
    readonly placement: Placement
    /** What opening found to do: creation, recovery, a torn end that was set aside. */
    readonly report: OpenReport
    /** All tapes, archived ones too, by name. */
    readonly tapes: Effect.Effect<ReadonlyArray<TapeListing>>
    readonly durable: Effect.Effect<Durable>
    /**
     * Dynamic segments that cannot be closed, oldest first: a tape that has records in them is invalid. Nothing is lost,
     * but these files and all later ones stay until `recoverTape` has recovered that tape. A reader knows of none.
     */
    readonly stuck: Effect.Effect<ReadonlyArray<StuckFile>>
    /** Makes a tape, durably. Names are lower-case file names; `Names.encodeTapeName` makes one of any text. */
    readonly createTape: (
      name: string
    ) => Effect.Effect<TapeListing, InvalidTapeName | TapeExists | MetaInvalid | StorageError | WriteError>
    /** Makes a tape refuse appends; it can still be read. */
    readonly archive: (name: string) => Effect.Effect<void, TapeNotFound | WriteError>
    /** Makes an archived tape take appends again. */
    readonly activate: (name: string) => Effect.Effect<void, TapeNotFound | WriteError>
    /**
     * Appends records to several tapes as one atomic batch: after a crash all of them are there, or none. Receipts are
     * in the order of `appends`. See `Tape.append` for one tape.
     */
    readonly commit: (appends: ReadonlyArray<Append>) => Effect.Effect<ReadonlyArray<Receipt>, AppendError>
    /**
     * Makes a new tape out of one that lost its meta, under its name: a new identity, what is back and what is lost. Fails
     * with `RecoverAmbiguous` rather than guess. Nothing is deleted.
     */
    readonly recoverTape: (
      name: string,
      options?: { readonly onProgress?: OnProgress }
    ) => Effect.Effect<RecoverReport, RecoverError>
    /** Checks everything from the disk, and lists everything that is bad. */
    readonly verify: (options?: VerifyOptions) => Effect.Effect<VerifyReport, LibClosed>
    /** A reader looks again: it sees what was acknowledged until now. Nothing to do for a writer. */
    readonly refresh: Effect.Effect<void, OpenError | ReaderBusy | LibClosed>
    /**
     * Ends the writer now rather than when the scope closes, and says what went wrong. What was acknowledged is safe in
     * either case.
     */
    readonly close: Effect.Effect<void, FlushError | LoadError>
  }
>()("litetapes/Lib") {}

const MiB = 1024 * 1024

/** Opens the lib at `location`, in whatever kind of `Storage` is provided, until the scope closes. */
export const open: (
  location: string,
  options?: Options
) => Effect.Effect<Lib["Service"], OpenError | ReaderBusy, Storage | Scope.Scope> = Effect.fn("Lib.open")(function* (
  location: string,
  options: Options = {}
) {
  // A scope of its own: what could not be opened leaves nothing locked until the caller's scope closes.
  const scope = yield* Scope.fork(yield* Scope.Scope)
  return yield* openIn(scope, location, options).pipe(
    Scope.provide(scope),
    Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
  )
})

const openIn = Effect.fnUntraced(function* (scope: Scope.Scope, location: string, options: Options) {
  const storage = yield* Storage
  const random = yield* Randomness
  const root = yield* Effect.mapError(storage.open(location, options.mode ?? "write"), (error) =>
    fromStorage(error, location)
  )
  yield* logWarnings(root)
  const settings = settingsOf(options)
  if (root.mode === "read") {
    const handle = yield* openReader(root, settings, options)
    yield* Scope.addFinalizer(
      scope,
      Effect.sync(() => handle.guard.close())
    )
    return serve(handle, undefined, { ...readerReport, warnings: root.warnings ?? [] })
  }
  const sealing = yield* yield* Sealing
  const { handle, report } = yield* openWriter(root, { ...options, settings, sealing, uuid: makeUuidV7(random) })
  const writer = yield* start(handle, scope, mergeSmall)
  // Registered last, so it runs first: the writer's fibres are still there to finish what was submitted.
  yield* Scope.addFinalizer(scope, closeQuietly(handle, writer))
  return serve(handle, writer, report)
})

/** A layer with the lib at `location`, open for as long as the layer is. */
export const layer = (location: string, options?: Options): Layer.Layer<Lib, OpenError | ReaderBusy, Storage> =>
  Layer.effect(Lib, open(location, options))

/**
 * Recovers a lib that lost its meta, or whose meta is corrupt: a new lib around the tapes that have theirs. Open it
 * afterwards.
 */
export const recover: (
  location: string,
  options?: RecoverLibOptions
) => Effect.Effect<RecoverLibReport, RecoverLibError | LibInvalid | LibLocked | ReadOnly, Storage> = Effect.fn(
  "Lib.recover"
)(function* (location: string, options: RecoverLibOptions = {}) {
  const storage = yield* Storage
  const random = yield* Randomness
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const root = yield* Effect.mapError(storage.open(location, "recover"), (error) => fromStorage(error, location))
      return yield* recoverLib(root, options, makeUuidV7(random))
    })
  )
})

const settingsOf = (options: Options) => ({
  closeBytes: Math.min(closeBytesCeiling, wholeNumber("closeBytes", options.closeBytes, 64 * MiB)),
  closeAfterMillis: Duration.toMillis(Duration.fromInputUnsafe(options.closeAfter ?? "60 seconds")),
  backlogMax: Math.max(1, wholeNumber("backlogMax", options.backlogMax, 4)),
  mergeSegments:
    options.mergeSegments === undefined
      ? undefined
      : Math.max(2, wholeNumber("mergeSegments", options.mergeSegments, 2))
})

const readerReport = { created: false, recovered: false, metaTailDropped: false }

const logWarnings = ({ warnings = [] }: Root): Effect.Effect<void> =>
  Effect.forEach(warnings, ({ place, why }) => Effect.logWarning(`litetapes: ${place}: ${why}`), { discard: true })

const closeQuietly = ({ location }: LibHandle, writer: Writer): Effect.Effect<void> =>
  Effect.matchEffect(writer.close, {
    onFailure: (error) =>
      Effect.logWarning(`litetapes: ${location}: not closed cleanly, nothing acknowledged is lost: ${error.message}`),
    onSuccess: () => Effect.void
  })

const serve = (handle: LibHandle, writer: Writer | undefined, report: OpenReport): Lib["Service"] => {
  const { guard, journal, location, meta, root } = handle
  const { state } = meta
  const lib = Lib.of({
    id: state.lib,
    location,
    mode: root.mode,
    created: state.created,
    limits: state.limits,
    placement: state.placement,
    report,
    tapes: Effect.sync(() => [...meta.state.tapes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))),
    durable: Effect.sync(() => ({ batch: journal.durable.batch, position: journal.durable.position })),
    stuck: Effect.sync(() => journal.stuck),
    createTape: (name) => createTape(handle, name, "records"),
    archive: (name) => setTapeState(handle, name, "archived"),
    activate: (name) => setTapeState(handle, name, "active"),
    commit: (appends) =>
      writer === undefined ? Effect.andThen(guard.check, readOnly(root)) : appendRecords(handle, writer.loop, appends),
    recoverTape: (name, recoverOptions = {}) =>
      writer === undefined ? readOnly(root) : writer.exclusively(recoverTape(handle, name, recoverOptions.onProgress)),
    verify: (verifyOptions) => Effect.andThen(guard.checkOpen, verifyLib(handle, verifyOptions)),
    refresh: Effect.andThen(guard.checkOpen, writer === undefined ? refreshReader(handle) : Effect.void),
    close: writer === undefined ? Effect.sync(() => guard.close()) : writer.close
  })
  register(lib, { handle, writer })
  return lib
}

const readOnly = (root: Root) => Effect.fail(new ReadOnly({ location: root.location }))
