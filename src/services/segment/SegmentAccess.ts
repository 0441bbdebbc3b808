/** Access to the files of segments: their place, and the limits of their lib. */
import type { DecompressionLimit, SegmentCorrupt, SegmentMissing } from "../../domain/format/Errors.ts"
import type { Limits } from "../../domain/format/Limits.ts"
import type { Root, StorageError } from "../ports/Storage.ts"

export interface SegmentAccess {
  readonly root: Root
  readonly limits: Limits
}

/**
 * Errors of reading a closed segment. All but `StorageError` mean that its file is damaged or missing: restore it from
 * a copy.
 */
export type SegmentError = SegmentCorrupt | SegmentMissing | DecompressionLimit | StorageError
