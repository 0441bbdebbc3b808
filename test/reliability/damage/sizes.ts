/** How much is tried. */
import type { Size } from "../campaign.ts"

export interface Plan {
  /** The target is made so many times as large as the smallest one. */
  readonly scale: number
  /** Every n-th bit of files that the bare variant of a target has too. */
  readonly everyBare: number
  /** … of indexes. */
  readonly everyIndex: number
  /** … of lib meta and dynamic segments that are made like those of other targets. */
  readonly everyLikeOthers: number
  /** Whether damage to whole files, sectors and lines is tried in all ways. */
  readonly isThorough: boolean
  /** Damages of one target that are tried in all ways, and so many of several damages at once. */
  readonly all: number
  readonly several: number
  /** Damages of one target on a real file system. */
  readonly real: number
}

export const plans: Record<Size, Plan> = {
  ordinary: {
    scale: 1,
    everyBare: 64,
    everyIndex: 2048,
    everyLikeOthers: 3,
    isThorough: false,
    all: 40,
    several: 16,
    real: 4
  },
  long: {
    scale: 3,
    everyBare: 4,
    everyIndex: 8,
    everyLikeOthers: 1,
    isThorough: true,
    all: 15_000,
    several: 6_000,
    real: 300
  }
}
