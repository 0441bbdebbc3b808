/** A disk in memory that counts what it is asked for. */
import * as Effect from "effect/Effect"
import { Disk, type DiskError, type File } from "../../src/services/ports/Disk.ts"
import { imageDisk } from "./imageDisk.ts"

/** What something cost. */
export interface Cost {
  /** Operations of the disk. */
  readonly steps: number
  readonly syncs: number
  /** Those on the files of indexes. */
  readonly indexSteps: number
  /** Bytes that were read or written. */
  readonly bytes: number
}

export interface CountingDisk {
  readonly disk: Disk["Service"]
  /** Returns what an effect costs. */
  readonly costOf: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Cost, E, R>
  /** Returns the number and the bytes of all files whose path matches. */
  readonly filesOf: (pattern: RegExp) => { readonly count: number; readonly bytes: number }
}

export const countingDisk = (): CountingDisk => {
  const { disk: base, image } = imageDisk(new Map(), "boot")
  let cost: Cost = { steps: 0, syncs: 0, indexSteps: 0, bytes: 0 }
  const count = <A>(
    path: string,
    effect: Effect.Effect<A, DiskError>,
    syncs = 0,
    bytes: (result: A) => number = () => 0
  ) =>
    Effect.tap(effect, (result) =>
      Effect.sync(() => {
        cost = {
          steps: cost.steps + 1,
          syncs: cost.syncs + syncs,
          indexSteps: cost.indexSteps + (/\.idx(\.tmp)?$/.test(path) ? 1 : 0),
          bytes: cost.bytes + bytes(result)
        }
      })
    )
  const counted = (file: File): File => ({
    ...file,
    write: (bytes, position) => count(file.path, file.write(bytes, position), 0, () => bytes.length),
    read: (position, length) => count(file.path, file.read(position, length), 0, (bytes) => bytes.length),
    readRanges: (ranges) =>
      count(file.path, file.readRanges(ranges), 0, (pieces) => pieces.reduce((sum, piece) => sum + piece.length, 0)),
    size: count(file.path, file.size),
    datasync: count(file.path, file.datasync, 1),
    sync: count(file.path, file.sync, 1)
  })
  const disk = Disk.of({
    ...base,
    openRead: (path) => Effect.map(count(path, base.openRead(path)), counted),
    openWrite: (path) => Effect.map(count(path, base.openWrite(path)), counted),
    create: (path) => Effect.map(count(path, base.create(path)), counted),
    syncFolder: (path) => count(path, base.syncFolder(path), 1),
    makeFolder: (path) => count(path, base.makeFolder(path)),
    rename: (from, to) => count(from, base.rename(from, to)),
    unlink: (path) => count(path, base.unlink(path)),
    stat: (path) => count(path, base.stat(path)),
    list: (path) => count(path, base.list(path))
  })
  return {
    disk,
    costOf: (effect) =>
      Effect.suspend(() => {
        const before = cost
        return Effect.map(effect, () => ({
          steps: cost.steps - before.steps,
          syncs: cost.syncs - before.syncs,
          indexSteps: cost.indexSteps - before.indexSteps,
          bytes: cost.bytes - before.bytes
        }))
      }),
    filesOf: (pattern) => {
      const found = [...image()].filter(([path]) => pattern.test(path))
      return { count: found.length, bytes: found.reduce((sum, [, bytes]) => sum + bytes.length, 0) }
    }
  }
}
