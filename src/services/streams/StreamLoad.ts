/** Looking up where a stream stands: its tape, made at the first append, and its last revision. */
import * as Effect from "effect/Effect"
import type { TapeExists } from "../../domain/format/Errors.ts"
import { TapeNotForEvents } from "../../domain/event/EventErrors.ts"
import type { InvalidTapeName } from "../../domain/format/Names.ts"
import { tapeOf } from "../../domain/format/Placement.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { Core, WriteError } from "../lib/LibHandle.ts"
import { listing, type LoadError, type OpenTape, openTape } from "../lib/OpenTape.ts"
import type { SegmentError } from "../segment/SegmentIndexFile.ts"
import { createTape } from "../lib/TapeCatalog.ts"
import { retryVanished } from "../read/retryVanished.ts"
import { placesOf, sourceAt } from "./StreamSources.ts"
import type { StreamState } from "./StreamStates.ts"

/** What looking up a stream may fail with, before anything is appended. */
export type LoadStreamError = LoadError | WriteError | StorageError | TapeExists | TapeNotForEvents | InvalidTapeName

/** Finds the tape of a stream, or makes it, and the stream's last revision. */
export const loadState = Effect.fnUntraced(function* (
  core: Core,
  state: StreamState
): Effect.fn.Return<void, LoadStreamError | SegmentError> {
  const name = tapeOf(core.state.placement, state.name)
  if (listing(core, name) === undefined) {
    yield* Effect.catchTag(createTape(core, name, "events"), "TapeExists", (error) =>
      // Made by someone else in the meantime; or being made, and not ours to use.
      listing(core, name) === undefined ? Effect.fail(error) : Effect.void
    )
  }
  if (listing(core, name)?.role !== "events") return yield* new TapeNotForEvents({ tape: name, stream: state.name })
  const tape = yield* openTape(core, name)
  const { generation } = tape
  const revision = yield* lastRevision(core, tape, state.name)
  // All at once: a state that was loaded before counts as stale until it is what was looked up.
  state.tape = tape
  state.generation = generation
  state.revision = revision
  state.durable = revision
  state.loaded = true
})

/** The last revision of a stream that is durable; −1 where it has no event. */
export const lastRevision = (core: Core, tape: OpenTape, stream: string): Effect.Effect<number, SegmentError> =>
  Effect.suspend(() =>
    retryVanished(core, tape, tape.metaVersion, findLast(core, tape, stream), () => lastRevision(core, tape, stream))
  )

const findLast = (core: Core, tape: OpenTape, stream: string): Effect.Effect<number, SegmentError> =>
  Effect.gen(function* () {
    for (const place of placesOf(core, tape).toReversed()) {
      const source = yield* sourceAt(core, tape, place, stream)
      if (source !== undefined) return source.firstRevision + source.count - 1
    }
    return -1
  })
