/** I4: a file that vanished was closed, repacked or taken over meanwhile, so the read looks for its files again. */
import * as Effect from "effect/Effect"
import type { LibHandle } from "../lib/LibHandle.ts"
import { refreshReader } from "../lib/openReader.ts"
import type { OpenTape } from "../lib/OpenTape.ts"

interface Failure {
  readonly _tag: string
  readonly reason?: unknown
}

/**
 * Runs `read`. If a file has vanished and the tape's layout is no longer `since`, runs `again`. A reader is refreshed first.
 * `since` is the layout with which `read` found its files.
 */
export const retryVanished = <A, E extends Failure>(
  lib: LibHandle,
  tape: OpenTape,
  since: string,
  read: Effect.Effect<A, E>,
  again: () => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.catchIf(read, isVanished, (error) =>
    Effect.flatMap(lib.root.mode === "read" ? Effect.ignore(refreshReader(lib)) : Effect.void, () =>
      tape.layout === since ? Effect.fail(error) : again()
    )
  )

const isVanished = ({ _tag, reason }: Failure): boolean =>
  _tag === "SegmentMissing" || (_tag === "StorageError" && reason === "not-found")
