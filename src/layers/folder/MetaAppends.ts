/**
 * Appends to a meta in a folder, against the version that it must have. An append that follows another one compares the
 * end of the file only: else each of many new tapes would cost a read of the lines of all tapes before it.
 */
import * as Effect from "effect/Effect"
import type { DiskError } from "../../services/ports/Disk.ts"
import type { StorageError } from "../../services/ports/Storage.ts"
import { RunningVersion } from "../storage/metaVersion.ts"
import { storageError } from "../storage/storageErrors.ts"
import { orAbsent } from "./files.ts"
import type { OpenFolder } from "./OpenFolder.ts"

/** Bytes at the end that are compared. */
const endBytes = 1024

/** A meta as this writer has left it. */
interface Left {
  readonly path: string
  readonly running: RunningVersion
  readonly bytes: number
  /** Its last bytes. Each line names the one before it, so the meta of another writer ends differently. */
  readonly end: Uint8Array
}

type AppendError = DiskError | StorageError

export class MetaAppends {
  readonly #place: OpenFolder
  /** The meta that was appended to last. It is always lib meta. */
  #left: Left | undefined

  constructor(place: OpenFolder) {
    this.#place = place
  }

  /** Appends durably and returns the new version. `readExpected` reads the meta whole, and fails if it has another version. */
  append(
    path: string,
    version: string,
    bytes: Uint8Array,
    readExpected: Effect.Effect<Uint8Array | undefined, AppendError>
  ): Effect.Effect<string, AppendError> {
    return Effect.gen({ self: this }, function* () {
      const left = this.#left
      // Kept only if the append succeeds.
      this.#left = undefined
      let before = left?.path === path && left.running.version === version ? left : undefined
      if (before === undefined || !(yield* this.#appendTo(before, bytes))) {
        const all = (yield* readExpected) ?? new Uint8Array()
        before = { path, running: RunningVersion.of(all), bytes: all.length, end: endOf(all) }
        if (!(yield* this.#appendTo(before, bytes))) return yield* storageError("meta.append", path, "changed")
      }
      const running = before.running.with(bytes)
      const end = endOf(Buffer.concat([before.end, bytes]))
      this.#left = { path, running, bytes: before.bytes + bytes.length, end }
      return running.version
    })
  }

  /** Writes at the end of the file if it ends as expected. Returns whether it does. */
  #appendTo({ bytes: size, end, path }: Left, bytes: Uint8Array): Effect.Effect<boolean, AppendError> {
    const { checkLock, disk } = this.#place
    const appending = Effect.acquireUseRelease(
      disk.openWrite(path),
      (file) =>
        Effect.gen(function* () {
          if ((yield* file.size) !== size) return false
          if (Buffer.compare(yield* file.read(size - end.length, end.length), end) !== 0) return false
          // A writer that takes over replaces the file. The one that was opened here then no longer counts, and may be
          // written to.
          yield* checkLock
          yield* file.write(bytes, size)
          yield* file.datasync
          return true
        }),
      (file) => file.close
    )
    return Effect.map(orAbsent(appending), (isDone) => isDone === true)
  }
}

const endOf = (bytes: Uint8Array): Uint8Array => bytes.slice(Math.max(0, bytes.length - endBytes))
