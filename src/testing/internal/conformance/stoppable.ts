/** A storage that can be stopped: nothing is written any more, as if its process had been killed. */
import * as Effect from "effect/Effect"
import { type DynamicWriter, type Root, type Storage, StorageError } from "../../../services/ports/Storage.ts"

export interface Stoppable {
  readonly storage: Storage["Service"]
  readonly stop: () => void
}

export const stoppable = (base: Storage["Service"]): Stoppable => {
  let stopped = false
  const write = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | StorageError, R> =>
    Effect.suspend((): Effect.Effect<A, E | StorageError, R> => (stopped ? Effect.fail(killed) : effect))
  const writer = (inner: DynamicWriter): DynamicWriter => ({
    append: (bytes) => write(inner.append(bytes)),
    close: inner.close
  })
  const wrap = (root: Root): Root => ({
    ...root,
    appendMeta: (...args) => write(root.appendMeta(...args)),
    replaceMeta: (...args) => write(root.replaceMeta(...args)),
    createTape: (...args) => write(root.createTape(...args)),
    createDynamic: (...args) => write(Effect.map(root.createDynamic(...args), writer)),
    dropDynamic: (n) => write(root.dropDynamic(n)),
    setAside: (...args) => write(root.setAside(...args)),
    writeSegment: (tape, segment, fill) =>
      write(root.writeSegment(tape, segment, (append) => fill((chunk) => write(append(chunk))))),
    removeSegment: (...args) => write(root.removeSegment(...args)),
    writeIndex: (...args) => write(root.writeIndex(...args)),
    removeIndex: (...args) => write(root.removeIndex(...args)),
    writeHint: (bytes) => write(root.writeHint(bytes))
  })
  return {
    storage: { open: (location, mode) => Effect.map(base.open(location, mode), wrap) },
    stop: () => {
      stopped = true
    }
  }
}

const killed = new StorageError({ operation: "write", place: "here", reason: "failed", detail: "stopped by a test" })
