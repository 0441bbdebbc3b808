/**
 * `Storage` in folders of Node's file system.
 *
 * A location is taken as the process finds it when the lib is opened: relative to the working directory of that moment,
 * and through links. Within the lib no link is followed.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fs from "node:fs"
import * as path from "node:path"
import { Storage } from "../services/Storage.ts"
import * as FolderStorage from "./FolderStorage.ts"
import * as NodeDisk from "./NodeDisk.ts"

/** Storage on Node's file system. */
export const makeWith = (options: NodeDisk.Options): Effect.Effect<Storage["Service"]> =>
  Effect.map(Effect.provide(FolderStorage.make, NodeDisk.layerWith(options)), (folders) =>
    Storage.of({
      open: (location, mode) => Effect.suspend(() => folders.open(resolve(location), mode))
    })
  )

/** With the defaults of `NodeDisk.Options`. */
export const make: Effect.Effect<Storage["Service"]> = makeWith({})

export const layer: Layer.Layer<Storage> = Layer.effect(Storage, make)

export const layerWith = (options: NodeDisk.Options): Layer.Layer<Storage> => Layer.effect(Storage, makeWith(options))

const resolve = (location: string): string => {
  const absolute = path.resolve(location)
  try {
    return fs.realpathSync(absolute)
  } catch {
    // Absent, or not to be reached: opening it says so.
    return absolute
  }
}
