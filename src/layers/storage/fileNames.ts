/**
 * Names of files that storage itself gives, and the last check of those that it is given. Callers have checked them
 * against what meta says; a name that leads elsewhere must not get past here all the same.
 */
import { libMetaFile, tapeMetaFile } from "../../domain/format/Format.ts"
import { isDerivedKind, isDerivedName } from "../../domain/format/Names.ts"
import type { DerivedKey } from "../../services/ports/Storage.ts"

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

/** Folder of a lib that holds what can be rebuilt and belongs to no tape, in a folder of its kind. */
export const libDerivedFolder = "litelib.derived"

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
    isDerivedKind(parts[0]!) ||
    name.startsWith(tapeMetaFile) ||
    name.endsWith(".tmp")
  )
}

/** Whether a tape and a kind could stand for anything but a folder of derived files. */
export const isUnsafeDerivedFolder = (tape: string | undefined, kind: string): boolean =>
  (tape !== undefined && isUnsafeTape(tape)) || !isDerivedKind(kind)

/** Whether `key` could lead anywhere but to a file in a folder of derived files. */
export const isUnsafeDerived = ({ tape, kind, name }: DerivedKey): boolean =>
  isUnsafeDerivedFolder(tape, kind) || !isDerivedName(name)

/** Whether `name` could lead out of the lib. */
export const isUnsafePath = (name: string): boolean => name.split("/").some(isUnsafePart)
