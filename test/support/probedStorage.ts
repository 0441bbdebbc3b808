/** A storage that records its reads, and that can wait, fail and return damaged bytes if a test says so. */
import * as Effect from "effect/Effect"
import { type DerivedKey, type DynamicWriter, type Root, type Storage, StorageError } from "litetapes/Storage"
import { changeRoot } from "./changeRoot.ts"

/** One read of a segment, of an index or of a dynamic segment. */
export interface Read {
  readonly kind: "segment" | "index" | "dynamic"
  readonly bytes: number
}

export interface Probe {
  readonly storage: Storage["Service"]
  /** Reads since the test last emptied the list. */
  reads: Array<Read>
  /** Whether every write fails, as after the process has been killed. */
  broken: boolean
  /** Runs before a batch is written. If it fails, nothing is written. */
  beforeCommit: Effect.Effect<void, StorageError>
  /** Runs once a batch is durable, before it is acknowledged. */
  beforeHint: Effect.Effect<void, StorageError>
  /** Runs before single events are read from a dynamic segment. */
  beforeDynamicRead: Effect.Effect<void>
  /** Returns the bytes to use for those that were read from an index at `offset`. */
  readIndex: (bytes: Uint8Array, offset: number) => Uint8Array
  /** Indexes that were written, as tape and file. */
  indexesWritten: Array<string>
  /** Whether indexes can be read and written at all. */
  indexes: "kept" | "refused"
  /** The number of dropped dynamic segments. */
  dynamicsDropped: number
}

export const probeOf = (base: Storage["Service"]): Probe => {
  const probe: Probe = {
    storage: {
      open: (location, mode) => Effect.map(base.open(location, mode), (root) => wrap(probe, root))
    },
    reads: [],
    broken: false,
    beforeCommit: Effect.void,
    beforeHint: Effect.void,
    beforeDynamicRead: Effect.void,
    readIndex: (bytes) => bytes,
    indexesWritten: [],
    indexes: "kept",
    dynamicsDropped: 0
  }
  return probe
}

export const failure = new StorageError({ operation: "write", place: "here", reason: "failed", detail: "EIO" })

const wrap = (probe: Probe, root: Root): Root => {
  const write = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | StorageError, R> =>
    Effect.suspend((): Effect.Effect<A, E | StorageError, R> => (probe.broken ? Effect.fail(failure) : effect))
  const writer = (inner: DynamicWriter): DynamicWriter => ({
    append: (bytes) =>
      write(
        Effect.andThen(
          Effect.suspend(() => probe.beforeCommit),
          inner.append(bytes)
        )
      ),
    close: inner.close
  })
  const { count, countAll } = countedBy(probe)
  return changeRoot(root, {
    meta: {
      append: (...args) => write(root.meta.append(...args)),
      replace: (...args) => write(root.meta.replace(...args))
    },
    tapes: { create: (...args) => write(root.tapes.create(...args)) },
    journal: {
      create: (...args) => write(Effect.map(root.journal.create(...args), writer)),
      read: (...args) => count("dynamic", root.journal.read(...args)),
      readRanges: (...args) =>
        Effect.andThen(
          Effect.suspend(() => probe.beforeDynamicRead),
          countAll("dynamic", root.journal.readRanges(...args))
        ),
      drop: (n) =>
        write(
          Effect.tap(root.journal.drop(n), () =>
            Effect.sync(() => {
              probe.dynamicsDropped++
            })
          )
        )
    },
    segments: {
      write: (...args) => write(root.segments.write(...args)),
      read: (...args) => count("segment", root.segments.read(...args)),
      readRanges: (...args) => countAll("segment", root.segments.readRanges(...args)),
      remove: (...args) => write(root.segments.remove(...args))
    },
    derived: {
      put: (key, bytes) =>
        Effect.suspend(() => {
          if (probe.broken || probe.indexes === "refused") return Effect.fail(failure)
          probe.indexesWritten.push(pathOf(key))
          return root.derived.put(key, bytes)
        }),
      getRanges: (key, ranges) =>
        Effect.suspend(() => {
          if (probe.indexes === "refused") return Effect.fail(failure)
          const all = countAll("index", root.derived.getRanges(key, ranges))
          return Effect.map(all, (pieces) => pieces?.map((bytes, i) => probe.readIndex(bytes, ranges[i]![0])))
        }),
      delete: (key) => write(root.derived.delete(key))
    },
    hint: {
      write: (bytes) =>
        write(
          Effect.andThen(
            Effect.suspend(() => probe.beforeHint),
            root.hint.write(bytes)
          )
        )
    },
    quarantine: { keep: (...args) => write(root.quarantine.keep(...args)) }
  })
}

const pathOf = ({ tape, name }: DerivedKey) => `${tape}/${name}`

const countedBy = (probe: Probe) => ({
  count: <E, R>(kind: Read["kind"], effect: Effect.Effect<Uint8Array, E, R>) =>
    Effect.tap(effect, (bytes) => Effect.sync(() => probe.reads.push({ kind, bytes: bytes.length }))),
  countAll: <A extends Array<Uint8Array> | undefined, E, R>(kind: Read["kind"], effect: Effect.Effect<A, E, R>) =>
    Effect.tap(effect, (all) =>
      Effect.sync(() => {
        for (const bytes of all ?? []) probe.reads.push({ kind, bytes: bytes.length })
      })
    )
})
