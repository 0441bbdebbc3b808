/** Names of files that may be segments. */
import { parseSegmentName } from "./Names.ts"

/** Returns what the name of a segment says, or `undefined` if the name is not one of a segment. */
export const parseIfSegmentName = (name: string): ReturnType<typeof parseSegmentName> | undefined => {
  try {
    return parseSegmentName(name)
  } catch {
    return undefined
  }
}
