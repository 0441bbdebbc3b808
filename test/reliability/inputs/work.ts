/** What a thread is given to do, and how it says where it is. */
export interface Work {
  readonly seed: number
  /** The inputs `from`, `from + step` and so on, up to before `end`. */
  readonly from: number
  readonly step: number
  readonly end: number
  /** What is being tried. */
  readonly current: SharedArrayBuffer
}

/** What `current` holds before the first input, and behind the last. */
export const atBegin = -1
export const atEnd = -2
