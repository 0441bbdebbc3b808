/** What reading the file of a segment takes: where it is, and the limits that its lib was made with. */
import type { DecompressionLimit, SegmentCorrupt, SegmentMissing } from "../../domain/format/Errors.ts"
import type { Limits } from "../../domain/format/Limits.ts"
import type { Root, StorageError } from "../ports/Storage.ts"

export interface SegmentAccess {
  readonly root: Root
  readonly limits: Limits
}

/** What reading a closed segment may fail with. */
export type SegmentError = SegmentCorrupt | SegmentMissing | DecompressionLimit | StorageError
