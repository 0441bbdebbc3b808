/**
 * `Storage` in a folder: the protocol of the lib's files, step by step, over any `Disk`.
 *
 * ```
 * <location>/litelib.*                    meta, dynamic segments, hint, lock
 * <location>/<tape>/tape.meta.jsonl       meta of a tape
 * <location>/<tape>/[shard-NNNN/]seg-…    segments
 * <location>/<tape>/index/                derived; may be deleted
 * *.tmp                                   never read; removed when its name is needed
 * ```
 *
 * @see `litetapes/NodeStorage` for the layer over Node's file system.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Disk, type DiskError } from "../services/ports/Disk.ts"
import { type Root, Storage, type StorageError, type Warning } from "../services/ports/Storage.ts"
import { dynamicOperations } from "./folder/dynamics.ts"
import { hintOperations } from "./folder/hint.ts"
import { indexOperations } from "./folder/indexes.ts"
import { metaOperations } from "./folder/meta.ts"
import { openRead, openWrite } from "./folder/open.ts"
import { warningsOf } from "./folder/permissions.ts"
import * as OpenFolder from "./folder/OpenFolder.ts"
import { segmentOperations } from "./folder/segments.ts"
import { tapeOperations } from "./folder/tapes.ts"
import { told } from "./storage/storageErrors.ts"

/** Storage over the disk that is provided. */
export const make: Effect.Effect<Storage["Service"], never, Disk> = Effect.map(Disk, (disk) =>
  Storage.of({
    open: (location, mode) => {
      // Names are put behind it with a slash.
      const trimmed = location.replace(/(?<=.)\/+$/, "") || "."
      return whole(told("open", trimmed, openRoot(disk, trimmed, mode)))
    }
  })
)

export const layer: Layer.Layer<Storage, never, Disk> = Layer.effect(Storage, make)

/** When it fails, nothing stays taken until the caller's scope closes: a second try may follow in the same one. */
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
    const lock =
      mode === "read"
        ? yield* Effect.as(openRead(disk, location), undefined)
        : yield* openWrite(disk, location, mode === "recover")
    const warnings = yield* warningsOf(disk, location)
    const boot = yield* disk.boot
    // Added after the lock, so run before it is freed.
    const place = yield* Effect.acquireRelease(
      Effect.sync(() => OpenFolder.make(disk, location, lock)),
      OpenFolder.close
    )
    return makeRoot(place, warnings, boot)
  })

const makeRoot = (place: OpenFolder.OpenFolder, warnings: ReadonlyArray<Warning>, boot: string | undefined): Root => ({
  location: place.location,
  mode: place.mode,
  warnings,
  boot,
  checkLock: place.checkLock,
  ...metaOperations(place),
  ...tapeOperations(place),
  ...dynamicOperations(place),
  ...segmentOperations(place),
  ...indexOperations(place),
  ...hintOperations(place)
})
