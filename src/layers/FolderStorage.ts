/**
 * `Storage` in a folder: the protocol of the lib's files, step by step, over any `Disk`.
 *
 * ```
 * <location>/litelib.*                    meta, dynamic segments, hint, lock, place
 * <location>/<tape>/tape.meta.jsonl       meta of a tape
 * <location>/<tape>/[shard-NNNN/]seg-…    segments
 * <location>/<tape>/index/                derived, as folders of other kinds would be; may be deleted
 * <location>/litelib.derived/<kind>/      derived from the lib as a whole; may be deleted
 * <location>/litelib.writer-<uuid>/       of one writer: what it is writing, before it is renamed into its place
 * *.tmp                                   left by earlier releases: never read; removed when the file is written
 * ```
 *
 * @see `litetapes/NodeStorage` for the layer over Node's file system.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Disk, type DiskError } from "../services/ports/Disk.ts"
import { type Root, Storage, StorageError, type Warning } from "../services/ports/Storage.ts"
import * as DerivedFiles from "./folder/DerivedFiles.ts"
import * as HintStore from "./folder/HintStore.ts"
import * as JournalStore from "./folder/JournalStore.ts"
import * as MetaStore from "./folder/MetaStore.ts"
import { openRead, openWrite } from "./folder/open.ts"
import * as OpenFolder from "./folder/OpenFolder.ts"
import { warningsOf } from "./folder/permissions.ts"
import * as Quarantine from "./folder/Quarantine.ts"
import * as SegmentFiles from "./folder/SegmentFiles.ts"
import * as TapeFolders from "./folder/TapeFolders.ts"
import * as WriterFolder from "./folder/WriterFolder.ts"
import { told } from "./storage/storageErrors.ts"

/** Storage in folders of the `Disk` that is provided. */
export const make: Effect.Effect<Storage["Service"], never, Disk> = Effect.map(Disk, (disk) =>
  Storage.of({
    open: (location, mode) => {
      // Names are appended to it with a slash.
      const trimmed = location.replace(/(?<=.)\/+$/, "") || "."
      return Effect.catch(whole(told("open", trimmed, openRoot(disk, trimmed, mode))), (error) =>
        error.reason === "locked" ? Effect.flatMap(withHolder(disk, trimmed, error), Effect.fail) : Effect.fail(error)
      )
    }
  })
)

/** Adds the writer that has the lib open to an error. Called once this opening has taken its own folder away. */
const withHolder = (disk: Disk["Service"], location: string, error: StorageError): Effect.Effect<StorageError> =>
  Effect.map(WriterFolder.holderOf(disk, location), (holder) => {
    const { detail, operation, place, reason } = error
    return holder === undefined ? error : new StorageError({ operation, place, reason, detail, holder })
  })

/** Provides storage in folders of the `Disk` that is provided. */
export const layer: Layer.Layer<Storage, never, Disk> = Layer.effect(Storage, make)

/**
 * Releases everything at once if the effect fails, not when the caller's scope closes: a retry in that scope may
 * follow.
 */
const whole = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E, Scope.Scope> =>
  Effect.uninterruptible(
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const exit = yield* Effect.exit(Scope.provide(effect, scope))
      if (Exit.isFailure(exit)) yield* Scope.close(scope, exit)
      return yield* exit
    })
  )

const openRoot = (
  disk: Disk["Service"],
  location: string,
  mode: "write" | "read" | "recover"
): Effect.Effect<Root, DiskError | StorageError, Scope.Scope> =>
  Effect.gen(function* () {
    const boot = yield* disk.boot
    const hold =
      mode === "read"
        ? yield* Effect.as(openRead(disk, location), undefined)
        : yield* openWrite(disk, location, boot, mode === "recover")
    const warnings = [...(hold?.warnings ?? []), ...(yield* warningsOf(disk, location))]
    // Acquired after the lock and the own folder, so released before them.
    const place = yield* Effect.acquireRelease(
      Effect.sync(() => OpenFolder.make(disk, location, boot, hold)),
      OpenFolder.close
    )
    return makeRoot(place, warnings)
  })

const makeRoot = (place: OpenFolder.OpenFolder, warnings: ReadonlyArray<Warning>): Root => ({
  location: place.location,
  mode: place.mode,
  warnings,
  boot: place.boot,
  checkLock: place.checkLock,
  meta: MetaStore.make(place),
  tapes: TapeFolders.make(place),
  journal: JournalStore.make(place),
  segments: SegmentFiles.make(place),
  derived: DerivedFiles.make(place),
  hint: HintStore.make(place),
  quarantine: Quarantine.make(place)
})
