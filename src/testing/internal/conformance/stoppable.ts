/** A storage that can be stopped: it then writes nothing any more, as if its process had been killed. */
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
    meta: {
      ...root.meta,
      append: (...args) => write(root.meta.append(...args)),
      replace: (...args) => write(root.meta.replace(...args))
    },
    tapes: { ...root.tapes, create: (...args) => write(root.tapes.create(...args)) },
    journal: {
      ...root.journal,
      create: (...args) => write(Effect.map(root.journal.create(...args), writer)),
      drop: (n) => write(root.journal.drop(n))
    },
    segments: {
      ...root.segments,
      write: (tape, segment, fill) =>
        write(root.segments.write(tape, segment, (append) => fill((chunk) => write(append(chunk))))),
      remove: (...args) => write(root.segments.remove(...args))
    },
    derived: {
      ...root.derived,
      put: (...args) => write(root.derived.put(...args)),
      delete: (key) => write(root.derived.delete(key))
    },
    hint: { ...root.hint, write: (bytes) => write(root.hint.write(bytes)) },
    quarantine: { keep: (...args) => write(root.quarantine.keep(...args)) }
  })
  return {
    storage: { open: (location, mode) => Effect.map(base.open(location, mode), wrap) },
    stop: () => {
      stopped = true
    }
  }
}

const killed = new StorageError({ operation: "write", place: "here", reason: "failed", detail: "stopped by a test" })
