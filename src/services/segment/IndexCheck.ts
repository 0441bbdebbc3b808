/** Checks that a segment's index says what a rebuild gives, and rebuilds it otherwise. */
import * as Effect from "effect/Effect"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import { sameIndex } from "../../domain/segment/SegmentIndex.ts"
import type { SegmentStore } from "./SegmentStore.ts"
import { buildIndex } from "./SegmentIndexFile.ts"
import * as IndexFiles from "./IndexFiles.ts"

/**
 * Returns whether the index had to be rebuilt. The segment must be good; `known` is its correct index, if that is
 * known.
 */
export const checkIndex = Effect.fnUntraced(function* (
  store: SegmentStore,
  tape: string,
  role: Role,
  segment: Segment,
  known: Uint8Array | undefined
): Effect.fn.Return<boolean> {
  const build = Effect.catch(buildIndex(store, tape, role, segment), () => Effect.succeed(undefined))
  const built = known ?? (yield* build)
  // Damage to the segment itself was found before.
  if (built === undefined) return false
  const stored = yield* readIndex(store, tape, segment.name)
  if (stored !== undefined && sameIndex(segment.sha256, stored, built)) return false
  store.forget(tape, segment.name)
  yield* store.remember(tape, segment.name, segment.sha256, built)
  return true
})

const readIndex = (store: SegmentStore, tape: string, segment: string): Effect.Effect<Uint8Array | undefined> =>
  IndexFiles.size(store.root.derived, tape, segment).pipe(
    Effect.flatMap((size) =>
      size === undefined
        ? Effect.succeed(undefined)
        : Effect.map(IndexFiles.readRanges(store.root.derived, tape, segment, [[0, size]]), ([bytes]) => bytes)
    ),
    Effect.catch(() => Effect.succeed(undefined))
  )
