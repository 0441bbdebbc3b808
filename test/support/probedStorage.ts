/**
 * A storage that says what is read from it, and that can wait, fail and give damaged bytes where a test wants it to.
 */
import * as Effect from "effect/Effect"
import { type DynamicWriter, type Root, type Storage, StorageError } from "litetapes/Storage"

/** One read: of a segment, of an index or of a dynamic segment. */
export interface Read {
  readonly kind: "segment" | "index" | "dynamic"
  readonly bytes: number
}

export interface Probe {
  readonly storage: Storage["Service"]
  /** Reads since the test emptied it. */
  reads: Array<Read>
  /** Nothing can be written, as after the process has been killed. */
  broken: boolean
  /** Runs before a batch is written; when it fails, nothing is written. */
  beforeCommit: Effect.Effect<void, StorageError>
  /** Runs when a batch is durable, before it is acknowledged. */
  beforeHint: Effect.Effect<void, StorageError>
  /** Runs before single events are read from a dynamic segment. */
  beforeDynamicRead: Effect.Effect<void>
  /** What stands for the bytes of an index, from `offset` on. */
  readIndex: (bytes: Uint8Array, offset: number) => Uint8Array
  /** Indexes that were written: tape and segment. */
  indexesWritten: Array<string>
  /** Whether indexes can be read and written at all. */
  indexes: "kept" | "refused"
  /** How many dynamic segments were dropped. */
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
  return {
    ...root,
    appendMeta: (...args) => write(root.appendMeta(...args)),
    replaceMeta: (...args) => write(root.replaceMeta(...args)),
    createTape: (...args) => write(root.createTape(...args)),
    createDynamic: (...args) => write(Effect.map(root.createDynamic(...args), writer)),
    dropDynamic: (n) =>
      write(
        Effect.tap(root.dropDynamic(n), () =>
          Effect.sync(() => {
            probe.dynamicsDropped++
          })
        )
      ),
    setAside: (...args) => write(root.setAside(...args)),
    writeSegment: (...args) => write(root.writeSegment(...args)),
    removeSegment: (...args) => write(root.removeSegment(...args)),
    writeHint: (bytes) =>
      write(
        Effect.andThen(
          Effect.suspend(() => probe.beforeHint),
          root.writeHint(bytes)
        )
      ),
    ...reads(probe, root),
    writeIndex: (tape, segment, bytes) =>
      Effect.suspend(() => {
        if (probe.broken || probe.indexes === "refused") return Effect.fail(failure)
        probe.indexesWritten.push(`${tape}/${segment}`)
        return root.writeIndex(tape, segment, bytes)
      }),
    removeIndex: (...args) => write(root.removeIndex(...args))
  }
}

const reads = (
  probe: Probe,
  root: Root
): Pick<Root, "readDynamic" | "readDynamicRanges" | "readSegment" | "readSegmentRanges" | "readIndexRanges"> => {
  const count = <E, R>(kind: Read["kind"], effect: Effect.Effect<Uint8Array, E, R>) =>
    Effect.tap(effect, (bytes) => Effect.sync(() => probe.reads.push({ kind, bytes: bytes.length })))
  const countAll = <E, R>(kind: Read["kind"], effect: Effect.Effect<Array<Uint8Array>, E, R>) =>
    Effect.tap(effect, (all) =>
      Effect.sync(() => {
        for (const bytes of all) probe.reads.push({ kind, bytes: bytes.length })
      })
    )
  return {
    readDynamic: (...args) => count("dynamic", root.readDynamic(...args)),
    readDynamicRanges: (...args) =>
      Effect.andThen(
        Effect.suspend(() => probe.beforeDynamicRead),
        countAll("dynamic", root.readDynamicRanges(...args))
      ),
    readSegment: (...args) => count("segment", root.readSegment(...args)),
    readSegmentRanges: (...args) => countAll("segment", root.readSegmentRanges(...args)),
    readIndexRanges: (tape, segment, ranges) =>
      Effect.suspend(() => {
        if (probe.indexes === "refused") return Effect.fail(failure)
        const all = countAll("index", root.readIndexRanges(tape, segment, ranges))
        return Effect.map(all, (pieces) => pieces.map((bytes, i) => probe.readIndex(bytes, ranges[i]![0])))
      })
  }
}
