/**
 * Constants of the format that reading and writing code share: names of files, types of system records, the version.
 * docs/FORMAT.md describes the bytes.
 */

/** Version of the bytes on disk, written into the first record of every meta. */
export const formatVersion = 1

/** The lib's system segment. */
export const libMetaFile = "litelib.meta.jsonl"

/** The tape's system segment: segment 0. */
export const tapeMetaFile = "tape.meta.jsonl"

/** The hint for readers in other processes; not part of the format. */
export const ackedFile = "litelib.acked"

/** The file that the writer's kernel lock is on; not part of the format. */
export const lockFile = "litelib.lock"

/** The byte that ends every record's line. */
export const newline = 0x0a

/** Returns whether `type` belongs to a reserved namespace. */
export const isReservedType = (type: string): boolean => type.startsWith("LiteTape.") || type.startsWith("LiteLib.")
