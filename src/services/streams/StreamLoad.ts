/** Looking up where a stream stands: its tape, made at the first append, and its last revision. */
import * as Effect from "effect/Effect"
import type { TapeExists } from "../../domain/format/Errors.ts"
import { TapeNotForEvents } from "../../domain/event/EventErrors.ts"
import type { InvalidTapeName } from "../../domain/format/Names.ts"
import { tapeOf } from "../../domain/format/Placement.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { WriteError } from "../lib/WriterGuard.ts"
import type { LoadError } from "../lib/TapeRegistry.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { createTape } from "../lib/TapeCatalog.ts"
import { retryVanished } from "../read/retryVanished.ts"
import { filesOf, sourceAt } from "./StreamSources.ts"
import type { StreamState } from "./StreamStates.ts"

/** What looking up a stream may fail with, before anything is appended. */
export type LoadStreamError = LoadError | WriteError | StorageError | TapeExists | TapeNotForEvents | InvalidTapeName

/** Finds the tape of a stream, or makes it, and the stream's last revision. */
export const loadState = Effect.fnUntraced(function* (
  lib: LibHandle,
  state: StreamState
): Effect.fn.Return<void, LoadStreamError | SegmentError> {
  const name = tapeOf(lib.meta.state.placement, state.name)
  if (lib.tapes.listing(name) === undefined) {
    yield* Effect.catchTag(createTape(lib, name, "events"), "TapeExists", (error) =>
      // Made by someone else in the meantime; or being made, and not ours to use.
      lib.tapes.listing(name) === undefined ? Effect.fail(error) : Effect.void
    )
  }
  if (lib.tapes.listing(name)?.role !== "events") return yield* new TapeNotForEvents({ tape: name, stream: state.name })
  const tape = yield* lib.tapes.get(name)
  const { generation } = tape
  const revision = yield* lastRevision(lib, tape, state.name)
  // All at once: a state that was loaded before counts as stale until it is what was looked up.
  state.tape = tape
  state.generation = generation
  state.revision = revision
  state.durable = revision
  state.loaded = true
})

/** The last revision of a stream that is durable; −1 where it has no event. */
export const lastRevision = (lib: LibHandle, tape: OpenTape, stream: string): Effect.Effect<number, SegmentError> =>
  Effect.suspend(() =>
    retryVanished(lib, tape, tape.meta.version, findLast(lib, tape, stream), () => lastRevision(lib, tape, stream))
  )

const findLast = (lib: LibHandle, tape: OpenTape, stream: string): Effect.Effect<number, SegmentError> =>
  Effect.gen(function* () {
    for (const place of filesOf(lib, tape).toReversed()) {
      const source = yield* sourceAt(lib, tape, place, stream)
      if (source !== undefined) return source.firstRevision + source.count - 1
    }
    return -1
  })
