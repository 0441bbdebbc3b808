/** Parts of a damaged segment, in order: lines that are proved, and records that are lost. */
import type * as Effect from "effect/Effect"
import type { SegmentError } from "../../segment/SegmentAccess.ts"
import type { LostStream } from "./LostStreams.ts"

/** Lines that are proved. Each read returns whole lines, as records: no line stands for another. */
export interface GoodStretch {
  readonly records: number
  readonly reads: ReadonlyArray<Effect.Effect<Uint8Array, SegmentError>>
}

/** Records that are lost. */
export interface LostStretch {
  /** `undefined` if it is not known how many. */
  readonly lost: number | undefined
  /** Exact positions, if the index has them. */
  readonly positions: readonly [first: number, end: number] | undefined
  /** Streams by hash; `undefined` if no index knew them, or if they are too many. */
  readonly streams: ReadonlyArray<LostStream> | undefined
}

export type Stretch = GoodStretch | LostStretch

export const isLost = (stretch: Stretch): stretch is LostStretch => "lost" in stretch
