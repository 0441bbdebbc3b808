/** Where a stream ends, as appends know it: without a read if the stream was looked up before. */
import * as Effect from "effect/Effect"
import { checkStreamName, type InvalidStreamName, tapeOf } from "../../domain/format/Placement.ts"
import { attempt } from "../base/attempt.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { SegmentError } from "../segment/SegmentAccess.ts"
import { loadState, type LoadStreamError } from "./StreamLoad.ts"
import type { StreamState, StreamStates } from "./StreamStates.ts"

/** The end of a stream. */
export interface StreamEnd {
  /** Last durable revision; −1 if there are no events. */
  readonly revision: number
  /** Generation of the tape: once the tape is recovered, it is another one. */
  readonly generation: number
}

const endIn = ({ durable, generation }: StreamState): StreamEnd => ({ revision: durable, generation })

/** Returns the end of a stream if it is known. Reads nothing. */
export const knownEnd = (states: StreamStates, stream: string): StreamEnd | undefined => {
  const state = states.loadedState(stream)
  return state === undefined ? undefined : endIn(state)
}

/** Looks up the end of a stream, as its next append would; `undefined` if it has no tape yet. Makes no tape. */
export const findEnd = (
  lib: LibHandle,
  states: StreamStates,
  stream: string
): Effect.Effect<StreamEnd | undefined, LoadStreamError | SegmentError | InvalidStreamName> =>
  Effect.gen(function* () {
    yield* attempt<string, InvalidStreamName>(() => checkStreamName(stream))
    if (lib.tapes.listing(tapeOf(lib.meta.state.placement, stream)) === undefined) return undefined
    return yield* Effect.acquireUseRelease(
      Effect.sync(() => states.pin(stream)),
      (state) =>
        Effect.map(
          states.load(state, () => loadState(lib, state)),
          () => endIn(state)
        ),
      (state) => Effect.sync(() => states.release(state))
    )
  })
