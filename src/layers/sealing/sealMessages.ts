/** Messages between a lib's thread and the thread that seals its segments. */
import type { EventRows } from "../../domain/event/EventRows.ts"
import type * as Merkle from "../../domain/merkle/Merkle.ts"
import type { SealedSegment } from "../../domain/segment/SegmentSeal.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"

/** Memory that is moved to the other thread and back. */
export type Movable = Uint8Array<ArrayBuffer>

export type Ask =
  | { readonly kind: "begin"; readonly job: number; readonly role: Role; readonly before: Merkle.State | undefined }
  | {
      readonly kind: "add"
      readonly job: number
      /** The lines are in the first `length` bytes. */
      readonly bytes: Movable
      readonly length: number
      readonly rows: EventRows | undefined
    }
  | { readonly kind: "finish"; readonly job: number }
  | { readonly kind: "drop"; readonly job: number }

export type Reply =
  | { readonly kind: "added"; readonly job: number; readonly bytes: Movable }
  | { readonly kind: "finished"; readonly job: number; readonly sealed: SealedSegment | undefined }
