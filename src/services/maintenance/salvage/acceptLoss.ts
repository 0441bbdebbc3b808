/** Accepts what a tape has lost: reads continue after it, and appends check revisions again. */
import * as Effect from "effect/Effect"
import type { MetaInvalid } from "../../../domain/format/Errors.ts"
import * as TapeState from "../../../domain/meta/TapeState.ts"
import type { LibHandle } from "../../lib/LibHandle.ts"
import type { LoadError } from "../../lib/TapeRegistry.ts"
import type { WriteError } from "../../lib/WriterGuard.ts"

/** Errors of accepting a loss. After `WriterPoisoned` it may or may not be accepted, after any other error it is not. */
export type AcceptLossError = WriteError | LoadError | MetaInvalid

/** Accepts all losses of a tape, durably. Writes nothing if all are accepted already. */
export const acceptLoss = (lib: LibHandle, name: string): Effect.Effect<void, AcceptLossError> =>
  Effect.gen(function* () {
    yield* lib.guard.check
    const tape = yield* lib.tapes.get(name)
    const change = Effect.gen(function* () {
      yield* lib.guard.check
      const { state } = tape
      if (state.lost.every(({ accepted }) => accepted === true)) return
      const lost = state.lost.map((one) => ({ ...one, accepted: true as const }))
      yield* tape.meta.replace(TapeState.again({ ...state, lost }))
      tape.renew()
    })
    yield* tape.lock.withPermit(Effect.uninterruptible(change))
  })
