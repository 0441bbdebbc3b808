/**
 * `Storage` in folders of Node's file system.
 *
 * A location is taken as the process finds it when the lib is opened: relative to the working directory of that moment,
 * and through links. Within the lib no link is followed.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { availableParallelism } from "node:os"
import * as path from "node:path"
import { onEventLoop, Sealing, type Sealer } from "../services/ports/Sealing.ts"
import { Storage } from "../services/ports/Storage.ts"
import * as FolderStorage from "./FolderStorage.ts"
import { SealThread } from "./sealing/SealThread.ts"
import { startSealThread } from "./sealing/startSealThread.ts"
import * as NodeDisk from "./NodeDisk.ts"

export interface Options extends NodeDisk.Options {
  /**
   * Where the segments that closing makes are hashed and indexed. `thread`, the default where there is more than one
   * processor: in a thread that is started for the first segment of 8 MiB, has those of 256 KiB and more from then on, and
   * ends when its lib's scope closes, so that appends go on meanwhile; where none can be started it is as with the other.
   * `event-loop`: there, in pieces between other work; it needs less memory.
   */
  readonly sealing?: "thread" | "event-loop"
}

/** Storage on Node's file system; segments are sealed on the event loop. */
export const makeWith = (options: NodeDisk.Options): Effect.Effect<Storage["Service"]> =>
  Effect.map(Effect.provide(FolderStorage.make, NodeDisk.layerWith(options)), (folders) =>
    Storage.of({
      open: (location, mode) => Effect.suspend(() => folders.open(resolve(location), mode))
    })
  )

/** With the defaults of `Options`. */
export const make: Effect.Effect<Storage["Service"]> = makeWith({})

export const layerWith = (options: Options): Layer.Layer<Storage> =>
  Layer.merge(
    Layer.effect(Storage, makeWith(options)),
    Layer.effect(
      Sealing,
      Effect.sync(() => ((options.sealing ?? defaultSealing()) === "thread" ? inThread : onEventLoop))
    )
  )

const defaultSealing = () => (availableParallelism() > 1 ? "thread" : "event-loop")

const inThread: Effect.Effect<Sealer, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new SealThread(startSealThread)),
  (thread) => thread.end
)

export const layer: Layer.Layer<Storage> = layerWith({})

const resolve = (location: string): string => {
  const absolute = path.resolve(location)
  try {
    return fs.realpathSync(absolute)
  } catch {
    // Absent, or not to be reached: opening it says so.
    return absolute
  }
}
