/**
 * Limits of a lib. They stand in lib meta and are enforced when writing, so that what was written can always be read.
 */
export interface Limits {
  /** Longest canonical form of one record, in bytes, without the newline. */
  readonly recordBytesMax: number
  /** Deepest nesting of containers in a record; a record itself has depth 1. */
  readonly depthMax: number
  /** Largest batch, in bytes: the lines of one commit. */
  readonly batchBytesMax: number
  /** Largest meta, in bytes. */
  readonly metaBytesMax: number
}

const KiB = 1024
const MiB = 1024 * KiB

/** Limits of a lib that was created without others. */
export const defaultLimits: Limits = {
  recordBytesMax: 1 * MiB,
  depthMax: 128,
  batchBytesMax: 64 * MiB,
  metaBytesMax: 64 * MiB
}
