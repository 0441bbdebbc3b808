/**
 * Limits of a lib. They stand in lib meta and are enforced when writing, so that what was written can always be read.
 */
import { invariant } from "../base/invariant.ts"

export interface Limits {
  /** Longest canonical form of one record, in bytes, without the newline. */
  readonly recordBytesMax: number
  /** Deepest nesting of containers in a record; a record itself has depth 1. */
  readonly depthMax: number
  /** Largest batch, in bytes: the lines of one commit. */
  readonly batchBytesMax: number
  /** Largest lib meta, and largest meta of a tape, in bytes: what is larger is not even read. */
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

/** No lib may have more meta than this, whatever it says: what is larger is not read. */
export const metaBytesCeiling = 1024 * MiB

/**
 * What tapes leave of lib meta's limit to its writer, in bytes: for epochs and dynamic segments, and for lines that are
 * superseded and not folded away yet.
 */
export const metaRoomBytes = ({ metaBytesMax }: Pick<Limits, "metaBytesMax">): number =>
  Math.min(MiB, Math.floor(metaBytesMax / 4))

/** Least and most that a limit may be: with less a lib could not keep what it writes itself. */
const bounds: { readonly [Name in keyof Limits]: readonly [least: number, most: number] } = {
  recordBytesMax: [16, 256 * MiB],
  depthMax: [1, 1000],
  batchBytesMax: [16, 1024 * MiB],
  metaBytesMax: [16 * KiB, metaBytesCeiling]
}

/** A dynamic segment is closed at this many bytes at the latest. */
export const closeBytesCeiling = 512 * MiB

/** No dynamic segment has more bytes, whatever its lib's limits: what is larger is not read. */
export const dynamicBytesCeiling = 2 ** 31 - 1

// One that is just not due yet gets one more batch, with its mark: a line for its hash and 60 bytes for each tape.
invariant(
  closeBytesCeiling + bounds.batchBytesMax[1] + 256 * MiB <= dynamicBytesCeiling,
  "what is written into a dynamic segment can be read"
)

/** What is wrong with the limits of a lib, if anything. */
export const checkLimits = (limits: Limits): { setting: string; why: string } | undefined => {
  for (const setting of Object.keys(limits) as Array<keyof Limits>) {
    if (!Object.hasOwn(bounds, setting)) return { setting, why: "is not a limit" }
    const [least, most] = bounds[setting]
    if (!Number.isSafeInteger(limits[setting]) || limits[setting] < least || limits[setting] > most) {
      return { setting, why: `must be a whole number from ${least} to ${most}, not ${limits[setting]}` }
    }
  }
  return undefined
}
