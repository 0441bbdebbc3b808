/** A disk that counts the bytes that are read from each file. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as path from "node:path"
import * as FolderStorage from "../../src/layers/FolderStorage.ts"
import * as NodeDisk from "../../src/layers/NodeDisk.ts"
import { Disk, type File } from "../../src/services/ports/Disk.ts"
import type { Storage } from "../../src/services/ports/Storage.ts"

export interface Metered {
  readonly storage: Storage["Service"]
  /** Returns the bytes that were read from files of this name since the disk was made. */
  readonly bytesOf: (name: string) => number
}

export const metered: Effect.Effect<Metered> = Effect.gen(function* () {
  const disk = NodeDisk.make
  const bytes = new Map<string, number>()
  const count = (file: File, length: number) => {
    const name = path.basename(file.path)
    bytes.set(name, (bytes.get(name) ?? 0) + length)
  }
  const meter = (file: File): File => ({
    ...file,
    read: (position, length) =>
      Effect.tap(file.read(position, length), (read) => Effect.sync(() => count(file, read.length))),
    readRanges: (ranges) =>
      Effect.tap(file.readRanges(ranges), (read) =>
        Effect.sync(() => {
          for (const piece of read) count(file, piece.length)
        })
      )
  })
  const layer = Layer.succeed(Disk, {
    ...disk,
    openRead: (at) => Effect.map(disk.openRead(at), meter),
    openWrite: (at) => Effect.map(disk.openWrite(at), meter)
  })
  const storage = yield* Effect.provide(FolderStorage.make, layer)
  return { storage, bytesOf: (name) => bytes.get(name) ?? 0 }
})
