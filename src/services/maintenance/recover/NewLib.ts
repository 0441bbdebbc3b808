/** The lib that recovery creates around the tapes that it finds. It is known before it is written. */
import type { Limits } from "../../../domain/format/Limits.ts"
import type { Placement } from "../../../domain/format/Placement.ts"
import type { Root } from "../../ports/Storage.ts"
import type { SegmentStore } from "../../segment/SegmentStore.ts"

export interface NewLib {
  readonly root: Root
  readonly id: string
  readonly limits: Limits
  readonly placement: Placement
  readonly segments: SegmentStore
}
