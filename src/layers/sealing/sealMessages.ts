/** What a lib's thread and the one that seals its segments say to each other. */
import type { EventRows } from "../../domain/event/EventRows.ts"
import type * as Merkle from "../../domain/merkle/Merkle.ts"
import type { SealedSegment } from "../../domain/segment/SegmentSeal.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"

/** Memory that goes to the other thread and comes back. */
export type Movable = Uint8Array<ArrayBuffer>

export type Ask =
  | { readonly kind: "begin"; readonly job: number; readonly role: Role; readonly before: Merkle.State | undefined }
  | {
      readonly kind: "add"
      readonly job: number
      /** Lines take up the first `length` of them. */
      readonly bytes: Movable
      readonly length: number
      readonly rows: EventRows | undefined
    }
  | { readonly kind: "finish"; readonly job: number }
  | { readonly kind: "drop"; readonly job: number }

export type Reply =
  | { readonly kind: "added"; readonly job: number; readonly bytes: Movable }
  | { readonly kind: "finished"; readonly job: number; readonly sealed: SealedSegment | undefined }
