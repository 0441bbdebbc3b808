/**
 * `Storage` in folders of Node's file system.
 *
 * A location is resolved when the lib is opened: relative to the working directory at that moment, and through links.
 * Within the lib, no link is followed.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { availableParallelism } from "node:os"
import * as path from "node:path"
import { type Checks, oneOf, refuseWrongOptions } from "../domain/format/checkOptions.ts"
import { onEventLoop, Sealing, type Sealer } from "../services/ports/Sealing.ts"
import { Storage } from "../services/ports/Storage.ts"
import * as FolderStorage from "./FolderStorage.ts"
import { SealThread } from "./sealing/SealThread.ts"
import { startSealThread } from "./sealing/startSealThread.ts"
import * as NodeDisk from "./NodeDisk.ts"

/** Options of storage on Node's file system. */
export interface Options extends NodeDisk.Options {
  /**
   * Where closed segments are hashed and indexed. `thread`: in a worker thread, so that appends continue meanwhile. The
   * thread starts for the first segment of 8 MiB or more, then also takes those of 256 KiB or more, and ends when the
   * lib's scope closes. If no thread can be started, the event loop does the work. `event-loop`: on the event loop, in
   * pieces between other work; this needs less memory. Default: `thread` if there is more than one processor.
   */
  readonly sealing?: "thread" | "event-loop"
}

/** Makes a storage on Node's file system. Segments are sealed on the event loop. */
export const makeWith = (options: NodeDisk.Options): Effect.Effect<Storage["Service"]> =>
  Effect.map(Effect.provide(FolderStorage.make, NodeDisk.layerWith(options)), (folders) =>
    Storage.of({
      open: (location, mode) => Effect.suspend(() => folders.open(resolve(location), mode)),
      resolve: resolveAbsent
    })
  )

/** Makes a storage on Node's file system with the default options. Segments are sealed on the event loop. */
export const make: Effect.Effect<Storage["Service"]> = makeWith({})

const optionChecks = {
  syncs: oneOf("adaptive", "background"),
  sealing: oneOf("thread", "event-loop")
} satisfies Checks<Options>

/** Provides storage on Node's file system with these options. Throws `InvalidArgument` for an option that it does not know. */
export const layerWith = (options: Options): Layer.Layer<Storage> => {
  refuseWrongOptions("NodeStorage.layerWith", options, optionChecks)
  const { sealing, ...diskOptions } = options
  return Layer.merge(
    Layer.effect(Storage, makeWith(diskOptions)),
    Layer.effect(
      Sealing,
      Effect.sync(() => ((sealing ?? defaultSealing()) === "thread" ? inThread : onEventLoop))
    )
  )
}

const defaultSealing = () => (availableParallelism() > 1 ? "thread" : "event-loop")

const inThread: Effect.Effect<Sealer, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new SealThread(startSealThread)),
  (thread) => thread.end
)

/** Provides storage on Node's file system with the default options. */
export const layer: Layer.Layer<Storage> = layerWith({})

const resolve = (location: string): string => {
  const absolute = path.resolve(location)
  try {
    return fs.realpathSync(absolute)
  } catch {
    // It does not exist or cannot be reached: opening it reports that.
    return absolute
  }
}

/** Returns a location through the links above it, also if it does not exist yet. */
const resolveAbsent = (location: string): string => {
  const absolute = path.resolve(location)
  const found = resolve(absolute)
  const above = path.dirname(absolute)
  // What is a link to nothing is left as it is: no folder is made through it.
  return found !== absolute || above === absolute || fs.existsSync(absolute)
    ? found
    : path.join(resolveAbsent(above), path.basename(absolute))
}
