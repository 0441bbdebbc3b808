/** Whole lines of bytes, one after the other. */
import { invariant } from "../base/invariant.ts"
import { newline } from "./Format.ts"

/** Calls `each` with the start, the end (that of the newline) and the number of every line. */
export const forEachLine = (lines: Uint8Array, each: (start: number, end: number, n: number) => void): void => {
  let start = 0
  for (let n = 0; start < lines.length; n++) {
    const end = lines.indexOf(newline, start)
    invariant(end !== -1, "every line ends with a newline")
    each(start, end, n)
    start = end + 1
  }
}
