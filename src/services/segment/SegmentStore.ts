/**
 * The closed segments of a lib in use: their open indexes, and recently decompressed frames. The segment is
 * authoritative: a missing or damaged index is rebuilt from it, so index files may be deleted at any time.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { BloomFilter } from "../../domain/base/BloomFilter.ts"
import type { Limits } from "../../domain/format/Limits.ts"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type * as SegmentIndex from "../../domain/segment/SegmentIndex.ts"
import type { Root } from "../ports/Storage.ts"
import { FrameCache } from "./FrameCache.ts"
import type { SegmentAccess, SegmentError } from "./SegmentAccess.ts"
import { buildIndex, bytesOfHandle, type IndexHandle, openIndex, runLookup, writeIndex } from "./SegmentIndexFile.ts"
import { RecentlyUsed } from "./RecentlyUsed.ts"

/**
 * Bytes of the open indexes of a lib. Each has a row of numbers for each 64 KiB of its segment and for each frame: 25 KiB
 * for a segment of 64 MiB. Small ones are whole in memory: at most 5 KiB.
 */
const indexBytesMax = 32 * 1024 * 1024

export class SegmentStore implements SegmentAccess {
  readonly root: Root
  readonly limits: Limits
  readonly frames = new FrameCache<SegmentError>()
  readonly #indexes = new RecentlyUsed<IndexHandle>(indexBytesMax, bytesOfHandle, ({ streams, terms }) => {
    this.#filterBytes -= streams.bytes + terms.bytes
  })
  #filterBytes = 0
  /** Only one index is opened or rebuilt at a time. */
  readonly #lock = Semaphore.makeUnsafe(1)

  constructor(root: Root, limits: Limits) {
    this.root = root
    this.limits = limits
  }

  /** Returns the index of a segment. Opens it at its first use, or rebuilds it. */
  index(tape: string, role: Role, segment: Segment): Effect.Effect<IndexHandle, SegmentError> {
    return Effect.suspend(() => {
      const known = this.#known(tape, role, segment)
      if (known !== undefined) return Effect.succeed(known)
      return this.#lock.withPermit(
        Effect.suspend(() => {
          const opened = this.#known(tape, role, segment)
          return opened === undefined ? this.#open(tape, role, segment) : Effect.succeed(opened)
        })
      )
    })
  }

  /** Runs a look-up. If the index turns out to be damaged, rebuilds it once and tries again. */
  lookup<A>(
    tape: string,
    role: Role,
    segment: Segment,
    query: (header: SegmentIndex.Header) => SegmentIndex.Lookup<A>
  ): Effect.Effect<A, SegmentError> {
    const run = (handle: IndexHandle) => runLookup(this, tape, segment.name, handle.memory, () => query(handle.header))
    return Effect.flatMap(this.index(tape, role, segment), (handle) =>
      Effect.flatMap(run(handle), (answer) => {
        if (answer !== undefined) return Effect.succeed(answer.value)
        this.forget(tape, segment.name)
        return Effect.flatMap(this.#lock.withPermit(this.#rebuild(tape, role, segment)), (rebuilt) =>
          Effect.flatMap(run(rebuilt), (again) =>
            again === undefined
              ? Effect.die(new Error("an index is damaged right after it was rebuilt"))
              : Effect.succeed(again.value)
          )
        )
      })
    )
  }

  /** Writes the index of a segment, and keeps it open. If the write fails, the index stays in memory. */
  remember(tape: string, segment: string, sha256: string, index: Uint8Array): Effect.Effect<IndexHandle> {
    return Effect.map(writeIndex(this, tape, segment, sha256, index), (handle) => this.#keep(tape, segment, handle))
  }

  /** Closes the index of a segment whose file has changed or may have changed. */
  forget(tape: string, segment: string): void {
    this.#indexes.delete(keyOf(tape, segment))
  }

  /** Closes the indexes of all segments of a tape. */
  forgetTape(tape: string): void {
    for (const key of this.#indexes.keys()) if (key.startsWith(keyOf(tape, ""))) this.#indexes.delete(key)
  }

  /**
   * Rebuilds the index of a segment of events if it is one of an earlier release, without terms. A reader could not write
   * it, and keeps the one that it has.
   */
  withTerms(tape: string, segment: Segment): Effect.Effect<IndexHandle, SegmentError> {
    return Effect.flatMap(this.index(tape, "events", segment), (handle) => {
      if (handle.header.hasTerms || this.root.mode === "read") return Effect.succeed(handle)
      return this.#lock.withPermit(
        Effect.suspend(() => {
          const known = this.#known(tape, "events", segment)
          return known?.header.hasTerms === true ? Effect.succeed(known) : this.#rebuild(tape, "events", segment)
        })
      )
    })
  }

  /** Size of the filters of all open indexes, in bytes. */
  get filterBytes(): number {
    return this.#filterBytes
  }

  /** Keeps a filter of the streams or the terms of a segment, for as long as its index is open. */
  keepFilter(tape: string, segment: string, handle: IndexHandle, of: SegmentIndex.Filtered, filter: BloomFilter): void {
    if (this.#indexes.get(keyOf(tape, segment)) !== handle) return
    this.#filterBytes += filter.bytes - handle[of].bytes
    handle[of].keep(filter)
  }

  /** Number of open indexes. */
  get indexesOpen(): number {
    return this.#indexes.size
  }

  #known(tape: string, role: Role, segment: Segment): IndexHandle | undefined {
    const known = this.#indexes.get(keyOf(tape, segment.name))
    return known?.header.segmentSha256 === segment.sha256 && known.header.kind === role ? known : undefined
  }

  #open(tape: string, role: Role, segment: Segment): Effect.Effect<IndexHandle, SegmentError> {
    return Effect.flatMap(openIndex(this, tape, role, segment), (opened) =>
      opened === undefined ? this.#rebuild(tape, role, segment) : Effect.succeed(this.#keep(tape, segment.name, opened))
    )
  }

  /** Rebuilds the index from its segment, and checks every byte of the segment against meta meanwhile. */
  #rebuild(tape: string, role: Role, segment: Segment): Effect.Effect<IndexHandle, SegmentError> {
    return Effect.flatMap(buildIndex(this, tape, role, segment), (index) =>
      this.remember(tape, segment.name, segment.sha256, index)
    )
  }

  #keep(tape: string, segment: string, handle: IndexHandle): IndexHandle {
    this.#indexes.set(keyOf(tape, segment), handle)
    return handle
  }
}

const keyOf = (tape: string, segment: string) => `${tape}/${segment}`
