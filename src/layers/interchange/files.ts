/** Files that are exported to and imported from: ordinary files anywhere, which are not part of a lib. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { constants, promises } from "node:fs"
import { dirname } from "node:path"
import type { DiskError } from "../../services/ports/Disk.ts"
import { failure } from "../node/diskErrors.ts"

type Handle = promises.FileHandle

/** Bytes that are read at once. */
const pieceBytes = 1024 * 1024

const run = <A>(operation: string, path: string, call: () => Promise<A>): Effect.Effect<A, DiskError> =>
  Effect.catch(Effect.tryPromise({ try: call, catch: (cause) => ({ cause }) }), ({ cause }) =>
    failure(operation, path, cause)
  )

/** An open regular file. */
export class PlainFile {
  readonly #handle: Handle
  readonly #path: string

  private constructor(handle: Handle, path: string) {
    this.#handle = handle
    this.#path = path
  }

  /** Opens a file until the scope closes. `write` creates it, with mode 0600, if it is not there. */
  static open(path: string, mode: "read" | "write"): Effect.Effect<PlainFile, DiskError, Scope.Scope> {
    const flags = mode === "read" ? constants.O_RDONLY : constants.O_RDWR | constants.O_CREAT
    const opened = Effect.acquireRelease(
      run("open", path, () => promises.open(path, flags, 0o600)),
      (handle) => Effect.ignore(run("close", path, () => handle.close()))
    )
    return Effect.map(opened, (handle) => new PlainFile(handle, path))
  }

  /** Size in bytes. */
  get size(): Effect.Effect<number, DiskError> {
    return Effect.map(
      run("stat", this.#path, () => this.#handle.stat()),
      ({ size }) => size
    )
  }

  /** Reads bytes; fewer only at the end of the file. */
  read(position: number, length: number): Effect.Effect<Uint8Array, DiskError> {
    return run("read", this.#path, async () => {
      const bytes = new Uint8Array(length)
      let done = 0
      while (done < length) {
        const { bytesRead } = await this.#handle.read(bytes, done, length - done, position + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return bytes.subarray(0, done)
    })
  }

  /** Writes all bytes. */
  write(bytes: Uint8Array, position: number): Effect.Effect<void, DiskError> {
    return run("write", this.#path, async () => {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done)
        done += bytesWritten
      }
    })
  }

  truncate(size: number): Effect.Effect<void, DiskError> {
    return run("truncate", this.#path, () => this.#handle.truncate(size))
  }

  /** Makes the file's data durable. */
  get datasync(): Effect.Effect<void, DiskError> {
    return run("fdatasync", this.#path, () => this.#handle.datasync())
  }

  /** Makes the file's name durable, where folders can be synced. */
  get syncName(): Effect.Effect<void, DiskError> {
    const folder = dirname(this.#path)
    return process.platform === "win32"
      ? Effect.void
      : run("fsync", folder, async () => {
          const handle = await promises.open(folder, "r")
          try {
            await handle.sync()
          } finally {
            await handle.close()
          }
        })
  }

  /** Reads the file from a byte on, in pieces. */
  pieces(from: number): Stream.Stream<Uint8Array, DiskError> {
    return Stream.paginate(from, (position) =>
      Effect.map(this.read(position, pieceBytes), (bytes) => [
        bytes.length === 0 ? [] : [bytes],
        bytes.length < pieceBytes ? Option.none<number>() : Option.some(position + bytes.length)
      ])
    )
  }
}
