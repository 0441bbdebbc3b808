/** Replaces some operations of a root, role by role. */
import type { Root } from "litetapes/Storage"

type Role = "meta" | "tapes" | "journal" | "segments" | "derived" | "hint" | "quarantine"

/** The replacements: any operations of any role, and any members that belong to no role. */
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
