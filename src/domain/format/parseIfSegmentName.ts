/** Names of files that may be segments. */
import { parseSegmentName } from "./Names.ts"

/** Returns the contents of the name of a segment, or `undefined` if the name is not that of a segment. */
export const parseIfSegmentName = (name: string): ReturnType<typeof parseSegmentName> | undefined => {
  try {
    return parseSegmentName(name)
  } catch {
    return undefined
  }
}
