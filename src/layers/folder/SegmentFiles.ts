/**
 * Segments in a tape's folder: written whole in the writer's own folder, then renamed into place.
 */
import * as Effect from "effect/Effect"
import type { DiskError, File } from "../../services/ports/Disk.ts"
import type { SegmentFiles, StorageError } from "../../services/ports/Storage.ts"
import { isUnsafeSegment, isUnsafeTape, looksLikeSegment, looksLikeShard, temporary } from "../storage/fileNames.ts"
import { fromDisk, storageError, told } from "../storage/storageErrors.ts"
import { join, orAbsent, requireFolder, unlinkIfThere } from "./files.ts"
import {
  moveIn,
  nextOwn,
  type OpenFolder,
  openWithin,
  reading,
  refuseWrite,
  removeWithin,
  sizeWithin,
  syncFolder,
  within,
  writing
} from "./OpenFolder.ts"

/** Refuses names that could lead elsewhere. */
const checkNames = (operation: string, tape: string, segment: string): StorageError | undefined =>
  isUnsafeTape(tape) || isUnsafeSegment(segment)
    ? storageError(operation, `${tape}/${segment}`, "unsafe", "it is not the name of a segment")
    : undefined

export const make = (place: OpenFolder): SegmentFiles => {
  const { handles, location } = place
  const pathOf = (tape: string, segment: string) => join(location, tape, segment)

  const use = <A>(
    operation: string,
    tape: string,
    segment: string,
    read: (file: File) => Effect.Effect<A, DiskError>
  ): Effect.Effect<A, StorageError> => {
    const path = pathOf(tape, segment)
    return reading(place, operation, path, () => {
      const refusal = checkNames(operation, tape, segment)
      return refusal === undefined ? handles.use(path, () => openWithin(place, path), read) : Effect.fail(refusal)
    })
  }

  return {
    write: (tape, segment, fill) =>
      place.oneAtATime(
        pathOf(tape, segment),
        Effect.suspend(() => writeSegment(place, tape, segment, fill))
      ),
    read: (tape, segment, offset, length, memory) =>
      use("segments.read", tape, segment, (file) => file.read(offset, length, memory)),
    readRanges: (tape, segment, ranges) => use("segments.readRanges", tape, segment, (file) => file.readRanges(ranges)),
    size: (tape, segment) => {
      const path = pathOf(tape, segment)
      return reading(place, "segments.size", path, () => {
        const refusal = checkNames("segments.size", tape, segment)
        return refusal === undefined ? sizeWithin(place, path) : Effect.fail(refusal)
      })
    },
    remove: (tape, segment) =>
      writing(place, "segments.remove", pathOf(tape, segment), () => {
        const refusal = checkNames("segments.remove", tape, segment)
        return refusal === undefined ? removeWithin(place, pathOf(tape, segment)) : Effect.fail(refusal)
      }),
    list: (tape) =>
      reading(place, "segments.list", join(location, tape), () =>
        isUnsafeTape(tape)
          ? Effect.fail(storageError("segments.list", tape, "unsafe", "it is not the name of a tape"))
          : listIn(place.disk, join(location, tape))
      )
  }
}

const filesIn = (disk: OpenFolder["disk"], folder: string): Effect.Effect<ReadonlyArray<string>, DiskError> =>
  Effect.map(orAbsent(disk.list(folder)), (names) => names ?? [])

/** Returns the folder for the file. A shard's folder is made on demand, and its entry is durable before it is used. */
const folderOf = (place: OpenFolder, tape: string, segment: string): Effect.Effect<string, DiskError | StorageError> =>
  Effect.gen(function* () {
    const { disk, location } = place
    const tapeFolder = join(location, tape)
    yield* requireFolder(disk, tapeFolder)
    const [first, second] = segment.split("/")
    if (second === undefined) return tapeFolder
    const shard = join(tapeFolder, first!)
    yield* place.oneAtATime(`shard ${shard}`, ensureShard(place, tapeFolder, shard))
    return shard
  })

/** Makes sure that a shard's folder is there, and that its entry is durable. */
const ensureShard = (
  place: OpenFolder,
  tapeFolder: string,
  shard: string
): Effect.Effect<void, DiskError | StorageError> =>
  Effect.gen(function* () {
    const { disk, syncedFolders } = place
    if (syncedFolders.has(shard)) return yield* requireFolder(disk, shard)
    // I2: an earlier writer may have been stopped before its entry was durable, and then nothing was put into it. A new
    // one replaces it. One that holds a file was durable before.
    if ((yield* filesIn(disk, shard)).length === 0) {
      const made = nextOwn(place)
      yield* within(place, disk.makeFolder(made))
      yield* Effect.onError(moveIn(place, made, shard), () => Effect.ignore(disk.removeFolder(made)))
    }
    yield* requireFolder(disk, shard)
    yield* syncFolder(place, tapeFolder)
    syncedFolders.add(shard)
  })

const writeSegment = <A, E, R>(
  place: OpenFolder,
  tape: string,
  segment: string,
  fill: (append: (chunk: Uint8Array) => Effect.Effect<void, StorageError>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | StorageError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const { disk, handles, location } = place
      const path = join(location, tape, segment)
      const refusal = refuseWrite(place, "segments.write", path) ?? checkNames("segments.write", tape, segment)
      if (refusal !== undefined) return yield* refusal
      const ours = <B>(effect: Effect.Effect<B, DiskError | StorageError>) => told("segments.write", path, effect)

      const folder = yield* ours(folderOf(place, tape, segment))
      yield* ours(Effect.andThen(place.checkLock, unlinkIfThere(disk, temporary(path))))
      const made = nextOwn(place)
      const file = yield* ours(within(place, disk.create(made)))
      const sink = makeSink(file)
      const value = yield* restore(fill(sink.append)).pipe(
        Effect.tap(() => ours(Effect.andThen(sink.end, file.sync))),
        Effect.onExit(() => sink.close),
        Effect.tap(() =>
          // After the rename: a read in between may have opened the file that it replaces.
          ours(Effect.ensuring(moveIn(place, made, path), handles.drop(path)))
        ),
        Effect.onError(() => Effect.ignore(disk.unlink(made)))
      )
      yield* ours(syncFolder(place, folder))
      return value
    })
  )

/** The target of `fill`. A chunk that could not be written fails the segment, whatever `fill` makes of the error. */
const makeSink = (file: File) => {
  let position = 0
  let ended = false
  let failed: DiskError | undefined
  return {
    append: (chunk: Uint8Array): Effect.Effect<void, StorageError> =>
      Effect.suspend(() => {
        if (ended) return Effect.die(new Error(`an append to a segment that is already written: ${file.path}`))
        if (failed !== undefined) return Effect.fail(fromDisk("segments.write", file.path, failed))
        const at = position
        position += chunk.length
        return Effect.mapError(Effect.uninterruptible(file.write(chunk, at)), (error) => {
          failed = error
          return fromDisk("segments.write", file.path, error)
        })
      }),
    end: Effect.suspend(() => {
      ended = true
      return failed === undefined ? Effect.void : Effect.fail(failed)
    }),
    close: Effect.suspend(() => {
      ended = true
      return file.close
    })
  }
}

/** Returns the names of files in a tape's folder that look like segments. */
export const listIn = (disk: OpenFolder["disk"], folder: string): Effect.Effect<ReadonlyArray<string>, DiskError> =>
  Effect.gen(function* () {
    yield* requireFolder(disk, folder)
    const segments: Array<string> = []
    for (const name of yield* disk.list(folder)) {
      if (looksLikeSegment(name)) segments.push(name)
      if (!looksLikeShard(name) || (yield* disk.stat(join(folder, name)))?.kind !== "folder") continue
      for (const inner of yield* disk.list(join(folder, name))) {
        if (looksLikeSegment(inner)) segments.push(`${name}/${inner}`)
      }
    }
    return segments.toSorted()
  })
