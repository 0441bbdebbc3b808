/** A disk that lists the steps that change it, and can refuse them. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as path from "node:path"
import * as NodeDisk from "../../src/layers/NodeDisk.ts"
import { Disk, DiskError, type File } from "../../src/services/ports/Disk.ts"

export interface Recording {
  readonly layer: Layer.Layer<Disk>
  /** Returns the steps since the last call, as `sync order/seg-000001.jsonl`, relative to `root`. The writer's folder is `own`. */
  readonly take: () => ReadonlyArray<string>
  /** Makes matching steps fail with this code from now on; `undefined` ends that. */
  readonly refuse: (step: RegExp | undefined, code?: string) => void
}

export const recordingDisk = (root: () => string): Recording => {
  const disk = NodeDisk.make
  let steps: Array<string> = []
  let refused: RegExp | undefined
  let refusal = "EIO"

  /** Latest paths of files that were renamed: steps of an open file name the path that it has now. */
  const moved = new Map<string, string>()
  const shown = (at: string): string => (path.relative(root(), at) || ".").replace(/^litelib\.writer-[\da-f-]+/, "own")

  const record = <A>(operation: string, at: ReadonlyArray<string>, effect: Effect.Effect<A, DiskError>) =>
    Effect.suspend(() => {
      const step = [operation, ...at.map(shown)].join(" ")
      if (refused?.test(step) === true) {
        return Effect.fail(new DiskError({ operation, path: at[0]!, code: refusal }))
      }
      return Effect.tap(effect, () => Effect.sync(() => steps.push(step)))
    })

  const onFile = <A>(operation: string, file: File, effect: Effect.Effect<A, DiskError>) =>
    Effect.suspend(() => record(operation, [moved.get(file.path) ?? file.path], effect))

  const recordFile = (file: File): File => ({
    ...file,
    write: (bytes, position) => onFile(`write ${position}+${bytes.length}`, file, file.write(bytes, position)),
    datasync: onFile("datasync", file, file.datasync),
    sync: onFile("sync", file, file.sync),
    close: Effect.ignore(onFile("close", file, file.close))
  })

  const recording: Disk["Service"] = {
    ...disk,
    openRead: (at) => Effect.map(disk.openRead(at), (file) => ({ ...recordFile(file), close: file.close })),
    openWrite: (at) => Effect.map(record("open", [at], disk.openWrite(at)), recordFile),
    create: (at) => Effect.map(record("create", [at], disk.create(at)), recordFile),
    syncFolder: (at) => record("syncFolder", [at], disk.syncFolder(at)),
    makeFolder: (at) => record("makeFolder", [at], disk.makeFolder(at)),
    rename: (from, to) =>
      Effect.tap(record("rename", [from, to], disk.rename(from, to)), () => Effect.sync(() => moved.set(from, to))),
    unlink: (at) => record("unlink", [at], disk.unlink(at)),
    removeFolder: (at) => record("removeFolder", [at], disk.removeFolder(at)),
    lock: (at) => Effect.tap(disk.lock(at), () => record("lock", [at], Effect.void))
  }

  return {
    layer: Layer.succeed(Disk, recording),
    take: () => {
      const taken = steps
      steps = []
      return taken
    },
    refuse: (step, code = "EIO") => {
      refused = step
      refusal = code
    }
  }
}
