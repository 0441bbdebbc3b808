/**
 * Constants of the format that reading and writing code share: names of files, types of system records, the version.
 * docs/FORMAT.md describes the bytes.
 */

/**
 * Version of the bytes on disk, in the first record of every meta. A meta has the lowest version that can express what is
 * in it, so that older releases can read it for as long as possible (docs/decisions/0033-format-2.md).
 */
export type FormatVersion = 1 | 2

/** Returns whether this version of litetapes reads metas of this version of the format. */
export const isKnownFormat = (version: number): version is FormatVersion => version === 1 || version === 2

/** The lib's system segment. */
export const libMetaFile = "litelib.meta.jsonl"

/** The tape's system segment: segment 0. */
export const tapeMetaFile = "tape.meta.jsonl"

/** The hint for readers in other processes; not part of the format. */
export const ackedFile = "litelib.acked"

/** The file that the writer's kernel lock is on; not part of the format. */
export const lockFile = "litelib.lock"

/** Which file lib meta was when a writer last replaced it; not part of the format. */
export const placeFile = "litelib.place"

/** The byte that ends every record's line. */
export const newline = 0x0a

/** Returns whether `type` belongs to a reserved namespace. */
export const isReservedType = (type: string): boolean => type.startsWith("LiteTape.") || type.startsWith("LiteLib.")
