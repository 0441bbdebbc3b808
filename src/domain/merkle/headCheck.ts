/** Checks a head that a caller gives. */
import { type Check, notUndefined, shown } from "../format/checkOptions.ts"
import { isHead } from "./headForm.ts"

/** Returns why a value is not a head, or `undefined`. */
export const whyNoHead = (value: unknown): string | undefined =>
  isHead(value) ? undefined : `must be a head, with tape, records and root, not ${shown(value)}`

/** A head that a call compares with. An explicit `undefined` is refused, because it would turn the comparison off. */
export const aHead: Check = (value) => {
  if (value === undefined) return notUndefined(value)
  const why = whyNoHead(value)
  return why === undefined ? undefined : { below: "", why }
}
