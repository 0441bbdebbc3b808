/** Finds what is left of a damaged meta: lines that are valid by themselves. */
import { newline } from "../format/Format.ts"
import { defaultLimits, type Limits } from "../format/Limits.ts"
import { type CheckpointState, whyNotCheckpoint } from "./Checkpoint.ts"
import { type Kind, libKind, readLine, tapeKind } from "./MetaChain.ts"
import type { LibRecord, TapeRecord } from "./SystemRecord.ts"

/** Returns the first record of a damaged lib meta, or `undefined` if that one is damaged too. */
export const salvageLibMeta = (
  meta: string,
  bytes: Uint8Array
): Extract<LibRecord, { readonly $type: "LiteLib.Meta" }> | undefined => {
  const end = bytes.indexOf(newline)
  try {
    const record = readLine(meta, 1, 0, bytes.subarray(0, Math.max(0, end)), defaultLimits, libKind)
    return record.$type === "LiteLib.Meta" ? record : undefined
  } catch {
    return undefined
  }
}

/**
 * Returns the checkpoints in the lines of a damaged lib meta that are valid by themselves. Later ones may be lost.
 */
export const salvageCheckpoints = (
  meta: string,
  bytes: Uint8Array,
  limits: Limits = defaultLimits
): ReadonlyMap<string, CheckpointState> => {
  const checkpoints = new Map<string, CheckpointState>()
  for (const record of salvage(meta, bytes, limits, libKind)) {
    if (record.$type !== "LiteLib.Checkpoint" || whyNotCheckpoint(record) !== undefined) continue
    const { above, at, consumer, low, version } = record
    checkpoints.set(consumer, { version, low, above, ...(at === undefined ? {} : { at }) })
  }
  return checkpoints
}

/**
 * Returns the lines of a damaged tape meta that are valid by themselves, whatever is between them. They prove nothing.
 */
export const salvageTape = (meta: string, bytes: Uint8Array, limits: Limits = defaultLimits): Array<TapeRecord> =>
  salvage(meta, bytes, limits, tapeKind).filter((record) => record.$type !== "LiteTape.End")

const salvage = <R extends { readonly previous: string | null }>(
  meta: string,
  bytes: Uint8Array,
  limits: Limits,
  kind: Kind<R>
): Array<R> => {
  const records: Array<R> = []
  if (bytes.length > limits.metaBytesMax) return records
  let start = 0
  while (start < bytes.length) {
    const found = bytes.indexOf(newline, start)
    const end = found === -1 ? bytes.length : found
    try {
      records.push(readLine(meta, records.length + 1, start, bytes.subarray(start, end), limits, kind))
    } catch {
      // Damaged: the content of this line is lost.
    }
    start = end + 1
  }
  return records
}
