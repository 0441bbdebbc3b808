/** Whole lines of consecutive records of a tape, as reads return them. */
export interface Chunk {
  readonly firstOrdinal: number
  readonly count: number
  /** One or more pieces, in order, each of whole lines. */
  readonly pieces: ReadonlyArray<Uint8Array>
}
