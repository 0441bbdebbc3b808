/**
 * A storage that counts writing operations, waits and fails at chosen ones, and can be frozen between two operations: a
 * copy of it at such a moment is what a crash would leave.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { type DynamicWriter, type Root, type Storage, StorageError } from "../../src/services/ports/Storage.ts"
import { changeRoot } from "./changeRoot.ts"

/** Operations that write. `append` is that of a dynamic segment. */
export type Operation =
  | "meta.replace"
  | "meta.append"
  | "tapes.create"
  | "journal.create"
  | "append"
  | "journal.drop"
  | "quarantine.keep"
  | "segments.write"
  | "derived.put"
  | "hint.write"

type Hook = (operation: Operation) => Effect.Effect<void, StorageError>

export interface Watched {
  readonly storage: Storage["Service"]
  /** The number of calls of each operation. */
  readonly counts: Map<Operation, number>
  /** Runs before an operation. If it fails, so does the operation, and nothing is written. */
  before: Hook
  /** Runs after an operation that succeeded. If it fails, so does the operation, but everything is written. */
  after: Hook
  /** Makes the next append write only that many bytes, and fail. */
  tear: number | undefined
  /** Dynamic segments that were created and not dropped. */
  readonly dynamics: Set<number>
  /** Runs an effect while no operation is under way and none can begin. */
  readonly frozen: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Returns the error of a failing disk. */
export const refusal = (operation: string): StorageError =>
  new StorageError({ operation, place: "the place", reason: "failed", detail: "EIO" })

const nothing: Hook = () => Effect.void

/** Watches `base`. */
export const watched = (base: Storage["Service"]): Watched => {
  const gate = Latch.makeUnsafe(true)
  const idle = Latch.makeUnsafe(true)
  let underWay = 0
  let held = false

  const hold = (on: boolean) =>
    Effect.suspend(() => {
      held = on
      return on ? gate.close : gate.open
    })

  // Check again after the wait: the gate may have closed before this fibre got its turn.
  const begin: Effect.Effect<void> = Effect.suspend(() => {
    if (held) return Effect.andThen(gate.await, begin)
    underWay += 1
    idle.closeUnsafe()
    return Effect.void
  })
  const end = Effect.sync(() => {
    underWay -= 1
    if (underWay === 0) idle.openUnsafe()
  })

  const write = <A, E, R>(
    operation: Operation,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | StorageError, R> =>
    Effect.suspend(() => {
      watch.counts.set(operation, (watch.counts.get(operation) ?? 0) + 1)
      return Effect.suspend(() => watch.before(operation)).pipe(
        Effect.andThen(
          Effect.acquireUseRelease(
            begin,
            () => effect,
            () => end
          )
        ),
        Effect.tap(() => watch.after(operation))
      )
    })

  const watch: Watched = {
    storage: {
      open: (location, mode) => Effect.map(base.open(location, mode), (root) => watchRoot(root, watch, write))
    },
    counts: new Map(),
    before: nothing,
    after: nothing,
    tear: undefined,
    dynamics: new Set(),
    frozen: (effect) =>
      Effect.acquireUseRelease(
        hold(true),
        () => Effect.andThen(idle.await, effect),
        () => hold(false)
      )
  }
  return watch
}

type Write = <A, E, R>(operation: Operation, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | StorageError, R>

const watchRoot = (root: Root, watch: Watched, write: Write): Root =>
  changeRoot(root, {
    meta: {
      replace: (owner, version, bytes) => write("meta.replace", root.meta.replace(owner, version, bytes)),
      append: (owner, version, bytes) => write("meta.append", root.meta.append(owner, version, bytes))
    },
    tapes: { create: (tape, meta) => write("tapes.create", root.tapes.create(tape, meta)) },
    journal: {
      create: (n, bytes) =>
        write(
          "journal.create",
          Effect.map(root.journal.create(n, bytes), (writer) => {
            watch.dynamics.add(n)
            return watchWriter(writer, watch, write)
          })
        ),
      drop: (n) =>
        write(
          "journal.drop",
          Effect.tap(root.journal.drop(n), () => Effect.sync(() => watch.dynamics.delete(n)))
        )
    },
    segments: { write: (tape, segment, fill) => write("segments.write", root.segments.write(tape, segment, fill)) },
    derived: { put: (key, bytes) => write("derived.put", root.derived.put(key, bytes)) },
    hint: { write: (bytes) => write("hint.write", root.hint.write(bytes)) },
    quarantine: { keep: (name, bytes) => write("quarantine.keep", root.quarantine.keep(name, bytes)) }
  })

const watchWriter = (writer: DynamicWriter, watch: Watched, write: Write): DynamicWriter => ({
  ...writer,
  append: (bytes) =>
    write(
      "append",
      Effect.suspend(() => {
        const { tear } = watch
        if (tear === undefined) return writer.append(bytes)
        watch.tear = undefined
        return Effect.andThen(writer.append(bytes.subarray(0, tear)), Effect.fail(refusal("append")))
      })
    )
})

/** Returns a hook for one kind of operation. */
export const at =
  (wanted: Operation, effect: Effect.Effect<void, StorageError>): Hook =>
  (operation) =>
    operation === wanted ? effect : Effect.void
