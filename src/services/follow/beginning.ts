/** Checks of where subscriptions and consumers begin. */
import { type Check, isCount, shown } from "../../domain/format/checkOptions.ts"
import type { Place } from "../../domain/meta/LibHistory.ts"

/** Checks where a subscription begins. A place has other fields as well. */
export const beginning =
  (isAfter: (after: unknown) => boolean, what: string): Check =>
  (from) => {
    if (from === undefined || from === "start" || from === "end") return undefined
    const names = typeof from === "object" && from !== null ? Object.keys(from) : []
    if (names.join() === "after" && isAfter((from as { readonly after: unknown }).after)) return undefined
    return { below: "", why: `must be "start", "end" or { after: ${what} }, not ${shown(from)}` }
  }

/** Whether a value has the fields of a place. */
export const isPlace = (after: unknown): boolean => {
  const { lib, lineage, position } = Object(after) as Partial<Record<keyof Place, unknown>>
  return typeof lib === "string" && typeof lineage === "string" && isCount(position)
}
