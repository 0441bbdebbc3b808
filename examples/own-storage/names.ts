/** Names of files in the database. An invalid name is refused before it is used. */
import { checkTapeName, isDerivedKind, isDerivedName, parseSegmentName } from "litetapes/Names"
import { type DerivedKey, type Meta, type MetaOwner, StorageError } from "litetapes/Storage"
import { hash } from "node:crypto"

const unsafe = (place: string): never => {
  throw new StorageError({ operation: "name", place, reason: "unsafe", detail: "not a name" })
}

const checked = (name: string, check: (name: string) => unknown): string => {
  try {
    check(name)
    return name
  } catch {
    return unsafe(name)
  }
}

export const tapeFolder = (tape: string): string => `tape/${checked(tape, checkTapeName)}/`

export const metaFile = (owner: MetaOwner): string => (owner === undefined ? "meta" : `${tapeFolder(owner)}meta`)

export const segmentFile = (tape: string, segment: string): string =>
  `${tapeFolder(tape)}segment/${checked(segment, parseSegmentName)}`

export const derivedFolder = (tape: string | undefined, kind: string): string =>
  isDerivedKind(kind) ? `${tape === undefined ? "" : tapeFolder(tape)}derived/${kind}/` : unsafe(kind)

export const derivedFile = ({ tape, kind, name }: DerivedKey): string =>
  isDerivedName(name) ? `${derivedFolder(tape, kind)}${name}` : unsafe(name)

/** Pads the number with zeros, so that names sort like numbers. */
export const dynamicFile = (n: number): string => `dynamic/${String(n).padStart(16, "0")}`

/** Returns the path, or throws if it could lead elsewhere. */
export const safePath = (path: string): string =>
  path.split("/").some((part) => ["", ".", ".."].includes(part) || /[\\\0]/.test(part)) ? unsafe(path) : path

export const versionOf = (bytes: Uint8Array): string => hash("sha256", bytes, "hex")

export const metaOf = (bytes: Uint8Array | undefined): Meta | undefined =>
  bytes === undefined ? undefined : { bytes, version: versionOf(bytes) }
