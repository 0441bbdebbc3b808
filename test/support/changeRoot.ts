/** Puts other operations in the place of some of a root's, role by role. */
import type { Root } from "litetapes/Storage"

type Role = "meta" | "tapes" | "journal" | "segments" | "derived" | "hint" | "quarantine"

/** What is different: any operations of any role, and any of what belongs to no role. */
export type RootChange = Partial<Omit<Root, Role>> & { readonly [R in Role]?: Partial<Root[R]> }

export const changeRoot = (root: Root, change: RootChange): Root => ({
  ...root,
  ...change,
  meta: { ...root.meta, ...change.meta },
  tapes: { ...root.tapes, ...change.tapes },
  journal: { ...root.journal, ...change.journal },
  segments: { ...root.segments, ...change.segments },
  derived: { ...root.derived, ...change.derived },
  hint: { ...root.hint, ...change.hint },
  quarantine: { ...root.quarantine, ...change.quarantine }
})
