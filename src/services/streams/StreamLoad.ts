/** Looks up the state of a stream: its tape, which the first append creates, and its last revision. */
import * as Effect from "effect/Effect"
import { type ClockOutOfRange, type TapeExists, TapeNotFound } from "../../domain/format/Errors.ts"
import type { TapeNotForEvents } from "../../domain/event/EventErrors.ts"
import type { InvalidTapeName } from "../../domain/format/Names.ts"
import { tapeOf } from "../../domain/format/Placement.ts"
import * as Losses from "../../domain/meta/Losses.ts"
import type { StorageError } from "../ports/Storage.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { WriteError } from "../lib/WriterGuard.ts"
import type { LoadError } from "../lib/TapeRegistry.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { createTape } from "../lib/TapeCatalog.ts"
import { retryVanished } from "../read/retryVanished.ts"
import { findEventTape } from "./EventTape.ts"
import { filesOf, sourceAt } from "./StreamSources.ts"
import type { StreamState } from "./StreamStates.ts"

/** Errors of looking up a stream, before anything is appended. */
export type LoadStreamError =
  | LoadError
  | WriteError
  | StorageError
  | TapeExists
  | TapeNotForEvents
  | InvalidTapeName
  | ClockOutOfRange

/** Finds or creates the tape of a stream, and finds the stream's last revision. */
export const loadState = Effect.fnUntraced(function* (
  lib: LibHandle,
  state: StreamState
): Effect.fn.Return<void, LoadStreamError | SegmentError> {
  const name = tapeOf(lib.meta.state.placement, state.name)
  if (lib.tapes.listing(name) === undefined) {
    yield* Effect.catchTag(createTape(lib, name, "events"), "TapeExists", (error) =>
      // Another fibre may have created it. Or it is still being created, and cannot be used.
      lib.tapes.listing(name) === undefined ? Effect.fail(error) : Effect.void
    )
  }
  const tape = yield* findEventTape(lib, state.name)
  if (tape === undefined) return yield* new TapeNotFound({ tape: name })
  const { generation } = tape
  const { doubt, revision, skip } = yield* endOfStream(lib, tape, state.name)
  // Assigned together: a state that was loaded before counts as stale until all of it is new.
  state.tape = tape
  state.generation = generation
  state.revision = revision
  state.durable = revision
  state.skip = skip
  state.doubt = doubt
  state.loaded = true
})

/** Returns the last durable revision of a stream, and what lost events mean for the next one. */
export const endOfStream = (
  lib: LibHandle,
  tape: OpenTape,
  stream: string
): Effect.Effect<Losses.StreamEnd, SegmentError> =>
  Effect.suspend(() => Effect.map(lastEvent(lib, tape, stream), (last) => Losses.endOf(tape.state.lost, stream, last)))

/** Returns the last event of a stream. Its position is looked up only if the tape has lost records, else it is −1. */
export const lastEvent = (
  lib: LibHandle,
  tape: OpenTape,
  stream: string
): Effect.Effect<Losses.LastEvent, SegmentError> =>
  Effect.suspend(() =>
    retryVanished(lib, tape, tape.layout, findLast(lib, tape, stream), () => lastEvent(lib, tape, stream))
  )

const findLast = (lib: LibHandle, tape: OpenTape, stream: string): Effect.Effect<Losses.LastEvent, SegmentError> =>
  Effect.gen(function* () {
    for (const place of filesOf(lib, tape).toReversed()) {
      const source = yield* sourceAt(lib, tape, place, stream)
      if (source === undefined) continue
      const { count, firstRevision } = source
      const [event] = tape.state.lost.length === 0 ? [] : yield* source.read(count - 1, 1)
      return { revision: firstRevision + count - 1, position: event?.position ?? -1 }
    }
    return { revision: -1, position: -1 }
  })
