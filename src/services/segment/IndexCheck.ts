/** Whether a segment's index is what a rebuild gives, to the byte; where it is not, it is made again. */
import * as Effect from "effect/Effect"
import type { Role, Segment } from "../../domain/meta/SystemRecord.ts"
import type { Core } from "../lib/LibHandle.ts"
import { buildIndex, forget, remember } from "./SegmentIndexFile.ts"

/** Whether the index had to be made again. The segment is known to be good; `known`: what its index must be. */
export const checkIndex = Effect.fnUntraced(function* (
  core: Core,
  tape: string,
  role: Role,
  segment: Segment,
  known: Uint8Array | undefined
): Effect.fn.Return<boolean> {
  const build = Effect.catch(buildIndex(core, tape, role, segment), () => Effect.succeed(undefined))
  const built = known ?? (yield* build)
  // What is wrong with the segment itself was found before.
  if (built === undefined) return false
  const stored = yield* readIndex(core, tape, segment.name)
  if (stored !== undefined && Buffer.compare(stored, built) === 0) return false
  forget(core, tape, segment.name)
  yield* remember(core, tape, segment.name, segment.sha256, built)
  return true
})

const readIndex = (core: Core, tape: string, segment: string): Effect.Effect<Uint8Array | undefined> =>
  core.root.indexSize(tape, segment).pipe(
    Effect.flatMap((size) =>
      size === undefined
        ? Effect.succeed(undefined)
        : Effect.map(core.root.readIndexRanges(tape, segment, [[0, size]]), ([bytes]) => bytes)
    ),
    Effect.catch(() => Effect.succeed(undefined))
  )
