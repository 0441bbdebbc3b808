/**
 * Files kept open for reading, so that a read costs one system call.
 *
 * A file that is dropped while it is read stays open until its last read has ended: eviction, removal and replacement
 * never close a descriptor that a read is using.
 */
import * as Effect from "effect/Effect"
import type { DiskError, File } from "../../services/ports/Disk.ts"

export interface Handles {
  /** Reads from the file at `path`, which `open` opens unless it is open already. */
  readonly use: <A>(
    path: string,
    open: () => Effect.Effect<File, DiskError>,
    read: (file: File) => Effect.Effect<A, DiskError>
  ) => Effect.Effect<A, DiskError>
  /** Drops the file at `path`: the next read opens whatever is there then. */
  readonly drop: (path: string) => Effect.Effect<void>
  /** Drops all files under a folder. */
  readonly dropWithin: (folder: string) => Effect.Effect<void>
  /** Drops all files. A file that is opened afterwards is closed after its read. */
  readonly close: Effect.Effect<void>
}

interface Handle {
  readonly file: File
  reads: number
  dropped: boolean
}

/** Counts the read at the call: nothing may come between the look-up of a handle and its use. */
const readWith = <A>(handle: Handle, read: (file: File) => Effect.Effect<A, DiskError>) => {
  handle.reads += 1
  const done = Effect.suspend(() => {
    handle.reads -= 1
    return handle.dropped && handle.reads === 0 ? handle.file.close : Effect.void
  })
  return Effect.ensuring(
    Effect.suspend(() => read(handle.file)),
    done
  )
}

/** Keeps up to `capacity` files open, the most recently used ones. */
export const make = (capacity: number): Handles => {
  // In the order of their last use.
  const handles = new Map<string, Handle>()
  let drops = 0
  let closed = false

  const forget = (path: string, handle: Handle): Effect.Effect<void> => {
    handles.delete(path)
    handle.dropped = true
    return handle.reads === 0 ? handle.file.close : Effect.void
  }

  const forgetOldest = Effect.suspend(() => {
    const oldest = handles.size > capacity ? handles.entries().next().value : undefined
    return oldest === undefined ? Effect.void : forget(...oldest)
  })

  const use: Handles["use"] = (path, open, read) =>
    Effect.uninterruptible(
      Effect.suspend(() => {
        const known = handles.get(path)
        if (known !== undefined) {
          handles.delete(path)
          handles.set(path, known)
          return readWith(known, read)
        }
        const dropsBefore = drops
        return Effect.flatMap(open(), (file) => {
          // A file that was opened before a drop may be the one that was dropped.
          const kept = !closed && drops === dropsBefore && !handles.has(path)
          const handle: Handle = { file, reads: 0, dropped: !kept }
          const reading = readWith(handle, read)
          if (!kept) return reading
          handles.set(path, handle)
          return Effect.andThen(forgetOldest, reading)
        })
      })
    )

  const dropAll = (isMeant: (path: string) => boolean): Effect.Effect<void> =>
    Effect.suspend(() => {
      drops += 1
      const meant = [...handles].filter(([path]) => isMeant(path))
      return Effect.forEach(meant, ([path, handle]) => forget(path, handle), { discard: true })
    })

  return {
    use,
    drop: (path) =>
      Effect.suspend(() => {
        drops += 1
        const handle = handles.get(path)
        return handle === undefined ? Effect.void : forget(path, handle)
      }),
    dropWithin: (folder) => dropAll((path) => path.startsWith(`${folder}/`)),
    close: Effect.suspend(() => {
      closed = true
      return dropAll(() => true)
    })
  }
}
