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

/** Least and most that a limit may be: with less a lib could not keep what it writes itself. */
const bounds: { readonly [Name in keyof Limits]: readonly [least: number, most: number] } = {
  recordBytesMax: [16, 256 * MiB],
  depthMax: [1, 1000],
  batchBytesMax: [16, 1024 * MiB],
  metaBytesMax: [16 * KiB, 1024 * MiB]
}

/** What is wrong with limits for a new lib, if anything. */
export const checkLimits = (limits: Limits): { setting: string; why: string } | undefined => {
  for (const setting of Object.keys(limits) as Array<keyof Limits>) {
    const bound = bounds[setting] as readonly [number, number] | undefined
    if (bound === undefined) return { setting, why: "is not a limit" }
    const [least, most] = bound
    if (!Number.isSafeInteger(limits[setting]) || limits[setting] < least || limits[setting] > most) {
      return { setting, why: `must be a whole number from ${least} to ${most}, not ${limits[setting]}` }
    }
  }
  return undefined
}
