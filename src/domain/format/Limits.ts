/**
 * Limits of a lib. Lib meta contains them, and writes are checked against them, so that everything written can be read.
 */
import { invariant } from "../base/invariant.ts"

/** Limits of a lib, fixed when it is created. */
export interface Limits {
  /** Bytes of the canonical form of one record, without the newline, at most. Default: 1 MiB. */
  readonly recordBytesMax: number
  /** Levels of nested containers in a record, at most; the record itself is the first. Default: 128. */
  readonly depthMax: number
  /** Bytes of the lines of one commit, at most. Default: 64 MiB. */
  readonly batchBytesMax: number
  /** Bytes of lib meta, and of the meta of each tape, at most: larger meta is not read. Default: 64 MiB. */
  readonly metaBytesMax: number
}

const KiB = 1024
const MiB = 1024 * KiB

/** Limits of a lib that is created without any. */
export const defaultLimits: Limits = {
  recordBytesMax: 1 * MiB,
  depthMax: 128,
  batchBytesMax: 64 * MiB,
  metaBytesMax: 64 * MiB
}

/** Largest `metaBytesMax`, whatever lib meta says: larger meta is not read. */
export const metaBytesCeiling = 1024 * MiB

/**
 * Returns the bytes of lib meta's limit that tapes leave to the writer: for epochs and dynamic segments, and for
 * superseded lines that are not folded away yet.
 */
export const metaRoomBytes = ({ metaBytesMax }: Pick<Limits, "metaBytesMax">): number =>
  Math.min(MiB, Math.floor(metaBytesMax / 4))

/** Smallest and largest value of each limit. With a smaller one, a lib could not store its own records. */
const bounds: { readonly [Name in keyof Limits]: readonly [least: number, most: number] } = {
  recordBytesMax: [16, 256 * MiB],
  depthMax: [1, 1000],
  batchBytesMax: [16, 1024 * MiB],
  metaBytesMax: [16 * KiB, metaBytesCeiling]
}

/** Largest `closeBytes`: a dynamic segment is closed at this size at the latest. */
export const closeBytesCeiling = 512 * MiB

/** Bytes of the largest dynamic segment, whatever its lib's limits: a larger one is not read. */
export const dynamicBytesCeiling = 2 ** 31 - 1

// A dynamic segment just below its closing size gets one more batch and its mark: its hash and 60 bytes for each tape.
invariant(
  closeBytesCeiling + bounds.batchBytesMax[1] + 256 * MiB <= dynamicBytesCeiling,
  "every dynamic segment that is written can be read"
)

/** Returns the first limit that is not valid and what is wrong with it, or `undefined` if all are valid. */
export const checkLimits = (limits: Limits): { setting: string; why: string } | undefined => {
  for (const setting of Object.keys(limits) as Array<keyof Limits>) {
    if (!Object.hasOwn(bounds, setting)) return { setting, why: "is not the name of a limit" }
    const [least, most] = bounds[setting]
    if (!Number.isSafeInteger(limits[setting]) || limits[setting] < least || limits[setting] > most) {
      return { setting, why: `must be a whole number from ${least} to ${most}, not ${limits[setting]}` }
    }
  }
  return undefined
}
