/**
 * Names of files that storage itself gives, and the last check of those that it is given. Callers have checked them
 * against what meta says; a name that leads elsewhere must not get past here all the same.
 */
import { libMetaFile, tapeMetaFile } from "../../domain/format/Format.ts"

/** What a file is called until it gets its name. Found later, it is a leftover and is removed when that name is needed. */
export const temporary = (name: string): string => `${name}.tmp`

export const libMetaTemporary = temporary(libMetaFile)

/** Where the `n`th namesake of a tape goes. */
export const asideName = (tape: string, n: number): string => `${tape}.aside-${n}`

/** Where bytes are kept for a human to look at: `n` from 1 on, until the name is free. */
export const quarantineName = (name: string, n: number): string => {
  const flat = name.replaceAll("/", "_").replace(/\.quarantine$/, "")
  return `${flat.startsWith("litelib.") ? "" : "litelib."}${flat}${n === 1 ? "" : `-${n}`}.quarantine`
}

/** Folder of a tape that holds what can be rebuilt. */
export const indexFolder = "index"

/** File of a segment's index, within that folder. */
export const indexName = (segment: string): string => `${segment.replaceAll("/", "_")}.idx`

/** Whether recovery should look at a file of this name as a segment of a tape. */
export const looksLikeSegment = (name: string): boolean =>
  /^seg-\d{6,}\.jsonl(?:\.[a-z0-9]+)?$/.test(name) && !name.endsWith(".tmp")

/** Whether recovery should look for segments in a folder of this name. */
export const looksLikeShard = (name: string): boolean => /^shard-\d{4,}$/.test(name)

const isUnsafePart = (part: string): boolean =>
  part === "" || part === "." || part === ".." || part.includes("\\") || part.includes("\0")

/** Whether `name` could be anything but the folder of a tape, right in the lib's. */
export const isUnsafeTape = (name: string): boolean =>
  isUnsafePart(name) ||
  name.includes("/") ||
  name.startsWith("litelib.") ||
  name.endsWith(".tmp") ||
  name.includes(".aside-")

/** Whether `name` could lead anywhere but to a file of segments in the tape's folder, or in one right under it. */
export const isUnsafeSegment = (name: string): boolean => {
  const parts = name.split("/")
  return (
    parts.length > 2 ||
    parts.some(isUnsafePart) ||
    parts[0] === indexFolder ||
    name.startsWith(tapeMetaFile) ||
    name.endsWith(".tmp")
  )
}

/** Whether `name` could lead out of the lib. */
export const isUnsafePath = (name: string): boolean => name.split("/").some(isUnsafePart)
