/** The work of a thread, and how it reports its progress. */
export interface Work {
  readonly seed: number
  /** First input; the thread tries `from`, `from + step` and so on, below `end`. */
  readonly from: number
  readonly step: number
  readonly end: number
  /** Number of the input that is being tried. */
  readonly current: SharedArrayBuffer
}

/** Values of `current` before the first input (`atBegin`) and after the last (`atEnd`). */
export const atBegin = -1
export const atEnd = -2
