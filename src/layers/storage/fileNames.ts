/**
 * Names that storage itself gives to files, and the last check of the names that it is given. Callers have checked them
 * against meta, but a name that leads elsewhere must not get past here either.
 */
import { libMetaFile, tapeMetaFile } from "../../domain/format/Format.ts"
import { isDerivedKind, isDerivedName } from "../../domain/format/Names.ts"
import type { DerivedKey } from "../../services/ports/Storage.ts"

/**
 * Returns the name of a file until it gets its own. If found later, it is a leftover, and is removed when its name is
 * needed.
 */
export const temporary = (name: string): string => `${name}.tmp`

export const libMetaTemporary = temporary(libMetaFile)

/** Returns the name to which the `n`th namesake of a tape is moved. */
export const asideName = (tape: string, n: number): string => `${tape}.aside-${n}`

/** Returns the name under which bytes are kept for somebody to inspect; `n` counts from 1 until the name is free. */
export const quarantineName = (name: string, n: number): string => {
  const flat = name.replaceAll("/", "_").replace(/\.quarantine$/, "")
  return `${flat.startsWith("litelib.") ? "" : "litelib."}${flat}${n === 1 ? "" : `-${n}`}.quarantine`
}

/** Folder of a lib with derived files that belong to no tape, in a folder for each kind. */
export const libDerivedFolder = "litelib.derived"

/**
 * Files and folders that systems and tools put into folders by themselves, in lower case. They do not belong to a lib, and
 * a place that holds nothing else counts as empty.
 */
const systemNames: ReadonlySet<string> = new Set([
  "lost+found",
  ".gitkeep",
  ".gitignore",
  ".keep",
  ".ds_store",
  ".localized",
  ".fseventsd",
  ".spotlight-v100",
  ".temporaryitems",
  ".trashes",
  ".snapshot",
  ".snapshots",
  ".zfs",
  "desktop.ini",
  "thumbs.db",
  "system volume information",
  "$recycle.bin"
])

/** Returns whether a system or a tool puts something of this name into folders by itself. */
export const isSystemName = (name: string): boolean =>
  systemNames.has(name.toLowerCase()) || /^(?:\._|\.nfs|\.trash-)/i.test(name)

/** Returns whether recovery should treat a file of this name as a segment of a tape. */
export const looksLikeSegment = (name: string): boolean =>
  /^seg-\d{6,}\.jsonl(?:\.[a-z0-9]+)?$/.test(name) && !name.endsWith(".tmp")

/** Returns whether recovery should search a folder of this name for segments. */
export const looksLikeShard = (name: string): boolean => /^shard-\d{4,}$/.test(name)

const isUnsafePart = (part: string): boolean =>
  part === "" || part === "." || part === ".." || part.includes("\\") || part.includes("\0")

/** Returns whether `name` could be anything but a tape's folder directly in the lib's folder. */
export const isUnsafeTape = (name: string): boolean =>
  isUnsafePart(name) ||
  name.includes("/") ||
  name.startsWith("litelib.") ||
  name.endsWith(".tmp") ||
  name.includes(".aside-")

/**
 * Returns whether `name` could lead anywhere but to a segment in the tape's folder, or in a folder directly under it.
 */
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

/** Returns whether a tape and a kind could mean anything but a folder of derived files. */
export const isUnsafeDerivedFolder = (tape: string | undefined, kind: string): boolean =>
  (tape !== undefined && isUnsafeTape(tape)) || !isDerivedKind(kind)

/** Returns whether `key` could lead anywhere but to a file in a folder of derived files. */
export const isUnsafeDerived = ({ tape, kind, name }: DerivedKey): boolean =>
  isUnsafeDerivedFolder(tape, kind) || !isDerivedName(name)

/** Returns whether `name` could lead out of the lib. */
export const isUnsafePath = (name: string): boolean => name.split("/").some(isUnsafePart)
