/** Finds the tape that a stream belongs on, and refuses a tape that does not hold events. */
import * as Effect from "effect/Effect"
import { TapeNotForEvents } from "../../domain/event/EventErrors.ts"
import { tapeOf } from "../../domain/format/Placement.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import type { OpenTape } from "../lib/OpenTape.ts"
import type { LoadError } from "../lib/TapeRegistry.ts"

/**
 * Returns the tape that holds the events of `stream`, or `undefined` if the tape does not exist yet. Fails with `TapeNotForEvents`
 * if the tape holds records, as a clone of an event tape does: what is on it has no index of streams.
 */
export const findEventTape = (
  lib: LibHandle,
  stream: string
): Effect.Effect<OpenTape | undefined, LoadError | TapeNotForEvents> =>
  Effect.suspend((): Effect.Effect<OpenTape | undefined, LoadError | TapeNotForEvents> => {
    const tape = tapeOf(lib.meta.state.placement, stream)
    const listed = lib.tapes.listing(tape)
    if (listed === undefined) return Effect.succeed(undefined)
    return listed.role === "events" ? lib.tapes.get(tape) : Effect.fail(new TapeNotForEvents({ tape, stream }))
  })
