/** How much is tried in each size. */
import type { Size } from "../campaign.ts"

export interface Plan {
  /** Size of the targets, as a multiple of the smallest. */
  readonly scale: number
  /** Every n-th bit of the files of a bare target is flipped. */
  readonly everyBare: number
  /** … of indexes. */
  readonly everyIndex: number
  /** … of lib meta and dynamic segments that are like those of other targets. */
  readonly everyLikeOthers: number
  /** Whether every damage to whole files, sectors and lines is tried in all ways. */
  readonly isThorough: boolean
  /** Number of random damages of one target that are tried in all ways. */
  readonly all: number
  /** Number of combinations of several damages that are tried in all ways. */
  readonly several: number
  /** Number of damages of one target that are tried on a real file system. */
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
