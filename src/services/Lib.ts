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
  LibClosed,
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
import { type Core, guard, type WriteError } from "./lib/LibHandle.ts"
import { type Append, type AppendError, appendRecords, type Receipt } from "./write/appendRecords.ts"
import { register } from "./internals.ts"
import { fromStorage, openWriter, type OpenError, type OpenReport } from "./lib/openWriter.ts"
import { openReader, refreshReader } from "./lib/openReader.ts"
import type { LoadError } from "./lib/OpenTape.ts"
import type { OnProgress, Progress } from "./base/Progress.ts"
import {
  recoverLib,
  type RecoverLibError,
  type RecoverLibOptions,
  type RecoverLibReport
} from "./maintenance/recover/RecoverLib.ts"
import { type RecoverError, type RecoverReport, recoverTape } from "./maintenance/recover/RecoverTape.ts"
import { createTape, setTapeState } from "./lib/TapeCatalog.ts"
import { type VerifyOptions, type VerifyReport, verifyLib } from "./maintenance/verify/Verify.ts"
import { start, type Writer } from "./write/Writer.ts"
import { wholeNumber } from "../domain/base/wholeNumber.ts"
import { Randomness } from "./ports/Randomness.ts"
import { Sealing } from "./ports/Sealing.ts"
import { type Root, Storage, type StorageError } from "./ports/Storage.ts"

export type { Append, AppendError, CommitError, FlushError, Limits, LoadError, OpenError, OpenReport, Placement }
export type { OnProgress, Progress, Receipt, RecoverError, RecoverLibError, RecoverLibOptions, RecoverLibReport }
export type { RecoverReport, TapeListing, VerifyOptions, VerifyReport, WriteError }

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
    const core = yield* openReader(root, settings, options)
    yield* Scope.addFinalizer(
      scope,
      Effect.sync(() => {
        core.closed = true
      })
    )
    return serve(core, undefined, { ...readerReport, warnings: root.warnings ?? [] })
  }
  const { core, report } = yield* openWriter(root, settings, options, makeUuidV7(random))
  core.sealing = yield* yield* Sealing
  const writer = yield* start(core, scope)
  // Registered last, so it runs first: the writer's fibres are still there to finish what was submitted.
  yield* Scope.addFinalizer(scope, closeQuietly(core, writer))
  return serve(core, writer, report)
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

const closeQuietly = (core: Core, writer: Writer): Effect.Effect<void> =>
  Effect.matchEffect(writer.close, {
    onFailure: (error) =>
      Effect.logWarning(
        `litetapes: ${core.location}: not closed cleanly, nothing acknowledged is lost: ${error.message}`
      ),
    onSuccess: () => Effect.void
  })

const serve = (core: Core, writer: Writer | undefined, report: OpenReport): Lib["Service"] => {
  const { root } = core
  const lib = Lib.of({
    id: core.state.lib,
    location: core.location,
    mode: root.mode,
    created: core.state.created,
    limits: core.state.limits,
    placement: core.state.placement,
    report,
    tapes: Effect.sync(() => [...core.state.tapes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))),
    durable: Effect.sync(() => ({ batch: core.durable.batch, position: core.durable.position })),
    createTape: (name) => createTape(core, name, "records"),
    archive: (name) => setTapeState(core, name, "archived"),
    activate: (name) => setTapeState(core, name, "active"),
    commit: (appends) =>
      writer === undefined ? Effect.andThen(guard(core), readOnly(root)) : appendRecords(core, writer.loop, appends),
    recoverTape: (name, recoverOptions = {}) =>
      writer === undefined ? readOnly(root) : writer.exclusively(recoverTape(core, name, recoverOptions.onProgress)),
    verify: (verifyOptions) =>
      Effect.suspend(() =>
        core.closed ? Effect.fail(new LibClosed({ location: core.location })) : verifyLib(core, verifyOptions)
      ),
    refresh: Effect.suspend((): Lib["Service"]["refresh"] => {
      if (core.closed) return Effect.fail(new LibClosed({ location: core.location }))
      return writer === undefined ? refreshReader(core) : Effect.void
    }),
    close: Effect.suspend(() => {
      if (writer !== undefined) return writer.close
      core.closed = true
      return Effect.void
    })
  })
  register(lib, { core, writer })
  return lib
}

const readOnly = (root: Root) => Effect.fail(new ReadOnly({ location: root.location }))
