/**
 * Where the segments that flushing and closing make are sealed: hashes, Merkle state and index computed. A reference with a default, so that
 * nothing needs to be provided: they are sealed on the event loop, between other work. `litetapes/NodeStorage` provides a
 * thread for it (docs/decisions/0030-sealing-in-a-thread.md).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { EventRows } from "../../domain/event/EventRows.ts"
import type * as Merkle from "../../domain/merkle/Merkle.ts"
import type { SealedSegment } from "../../domain/segment/SegmentSeal.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"

/** One segment that is sealed elsewhere. It is over when `finish` has its result, or with `drop`. */
export interface SealJob {
  /** The next lines, whole ones, and what they say where they are events. They are copied; waits while there is much to do. */
  readonly add: (lines: ReadonlyArray<Uint8Array>, rows: EventRows | undefined) => Effect.Effect<void>
  /** What meta is to say. `undefined`: it could not be found out there, for whatever reason, and must be here. */
  readonly finish: Effect.Effect<SealedSegment | undefined>
  readonly drop: Effect.Effect<void>
}

export interface Sealer {
  /**
   * Begins a segment of so many bytes behind one with this Merkle state. `undefined`: not worth the way, or not possible.
   * At most one `add` or `finish` of a job runs at a time.
   */
  readonly begin: (bytes: number, role: Role, before: Merkle.State | undefined) => SealJob | undefined
}

/** No place but the event loop. */
export const noSealer: Sealer = { begin: () => undefined }

export const onEventLoop: Effect.Effect<Sealer> = Effect.succeed(noSealer)

/** A place for one lib, until the scope closes. */
export const Sealing = Context.Reference<Effect.Effect<Sealer, never, Scope.Scope>>("litetapes/Sealing", {
  defaultValue: () => onEventLoop
})
