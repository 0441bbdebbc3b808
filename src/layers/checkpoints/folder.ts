/**
 * Checkpoints in a folder: one folder for each consumer, one small file for each key, replaced by a rename. A kernel lock
 * on `claim.lock` keeps a second run out, in this process and in others, and ends with its process.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type * as Scope from "effect/Scope"
import { type ClaimedEntries, ConsumerClaimed, type CheckpointStore } from "../../services/ports/CheckpointStore.ts"
import type { Disk, DiskError, Lock } from "../../services/ports/Disk.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { ensureFolder, ensureNamedPath, join, readWhole, unlinkIfThere, writeNew } from "../folder/files.ts"
import { fromDisk, storageError, told } from "../storage/storageErrors.ts"

type DiskShape = Disk["Service"]

/** More bytes than a text has. A larger file is not read. */
const bytesMax = 8 * 1024 * 1024

/** How often a claim that another process holds is tried again. */
const retryEvery = "100 millis"

const ending = ".json"
const unfinished = ".tmp"

export const makeFolder = (disk: DiskShape, folder: string): CheckpointStore["Service"] => ({
  claim: (consumer, onClaimed) =>
    Effect.gen(function* () {
      const place = join(folder, consumer)
      yield* told("open", place, prepare(disk, folder, place))
      const lock = yield* lockAt(disk, consumer, place, onClaimed)
      for (const name of yield* told("list", place, disk.list(place))) {
        if (name.endsWith(unfinished)) yield* told("remove", place, unlinkIfThere(disk, join(place, name)))
      }
      return entriesOf(disk, place, lock)
    })
})

/** Makes both folders, and their names durable. */
const prepare = (disk: DiskShape, folder: string, place: string): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    yield* ensureNamedPath(disk, folder)
    yield* ensureFolder(disk, place)
    yield* disk.syncFolder(folder)
  })

const lockAt = (
  disk: DiskShape,
  consumer: string,
  place: string,
  onClaimed: "refuse" | "wait"
): Effect.Effect<Lock, ConsumerClaimed | StorageError, Scope.Scope> =>
  Effect.catch(
    disk.lock(join(place, "claim.lock")),
    (error): Effect.Effect<Lock, ConsumerClaimed | StorageError, Scope.Scope> => {
      if (error.code !== "ELOCKED") return Effect.fail(fromDisk("lock", place, error))
      if (onClaimed === "refuse") return Effect.fail(new ConsumerClaimed({ consumer, place }))
      return Effect.andThen(Effect.sleep(retryEvery), lockAt(disk, consumer, place, onClaimed))
    }
  )

const entriesOf = (disk: DiskShape, place: string, lock: Lock): ClaimedEntries => {
  const fileOf = (key: string): string => join(place, `${key}${ending}`)
  const isHeld = Effect.flatMap(lock.keep ?? lock.held, (held) =>
    held
      ? Effect.void
      : Effect.fail(storageError("write", place, "lock-lost", "another run has claimed the consumer; stop one of them"))
  )
  // Writes of one key use the same file until it is renamed.
  const oneWrite = Semaphore.makeUnsafe(1)
  const write = <E extends DiskError | StorageError>(steps: Effect.Effect<void, E>) =>
    Effect.uninterruptible(oneWrite.withPermit(Effect.andThen(isHeld, told("write", place, steps))))
  return {
    place,
    get: (key) =>
      Effect.map(told("read", place, readWhole(disk, fileOf(key), bytesMax)), (bytes) =>
        bytes === undefined ? undefined : Buffer.from(bytes).toString()
      ),
    set: (key, text) => write(replace(disk, place, fileOf(key), text)),
    remove: (key) => write(Effect.andThen(unlinkIfThere(disk, fileOf(key)), disk.syncFolder(place))),
    keys: Effect.map(told("list", place, disk.list(place)), (names) =>
      names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length))
    )
  }
}

const replace = (disk: DiskShape, place: string, path: string, text: string): Effect.Effect<void, DiskError> => {
  const made = `${path}${unfinished}`
  return Effect.gen(function* () {
    yield* unlinkIfThere(disk, made)
    yield* writeNew(disk, made, Buffer.from(text))
    yield* disk.rename(made, path)
    yield* disk.syncFolder(place)
  })
}
