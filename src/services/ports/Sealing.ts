/**
 * Selects where hashes, Merkle state and index of new segments are computed during a flush. It has a default, so
 * nothing needs to be provided: the event loop, between other work. `litetapes/NodeStorage` provides a worker thread
 * (docs/decisions/0030-sealing-in-a-thread.md).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { EventRows } from "../../domain/event/EventRows.ts"
import type * as Merkle from "../../domain/merkle/Merkle.ts"
import type { SealedSegment } from "../../domain/segment/SegmentSeal.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"

/** One segment that is computed elsewhere. The job ends when `finish` returns, or with `drop`. */
export interface SealJob {
  /** Adds the next whole lines, with their rows if they are events. Copies them. Waits while much is queued. */
  readonly add: (lines: ReadonlyArray<Uint8Array>, rows: EventRows | undefined) => Effect.Effect<void>
  /**
   * Returns the values for meta, or `undefined` if the worker failed; the caller then computes them on the event loop.
   */
  readonly finish: Effect.Effect<SealedSegment | undefined>
  /** Ends the job without a result. */
  readonly drop: Effect.Effect<void>
}

/** A place that computes segments. */
export interface Sealer {
  /**
   * Begins a segment of this many bytes after a segment with this Merkle state. Returns `undefined` if it is not worth
   * the transfer, or not possible. Only one `add` or `finish` of a job may run at a time.
   */
  readonly begin: (bytes: number, role: Role, before: Merkle.State | undefined) => SealJob | undefined
}

/** Leaves all segments to the event loop. */
export const noSealer: Sealer = { begin: () => undefined }

/** Returns the sealer that leaves all segments to the event loop. */
export const onEventLoop: Effect.Effect<Sealer> = Effect.succeed(noSealer)

/** Returns the sealer of one lib, which is open until the scope closes. */
export const Sealing = Context.Reference<Effect.Effect<Sealer, never, Scope.Scope>>("litetapes/Sealing", {
  defaultValue: () => onEventLoop
})
