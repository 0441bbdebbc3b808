/**
 * What reader and writer of the format share, and nothing else: names of files, types of system records, version.
 * The bytes themselves are described in docs/FORMAT.md.
 */

/** Version of the bytes on disk, written into the first record of every meta. */
export const formatVersion = 1

/** The lib's system segment. */
export const libMetaFile = "litelib.meta.jsonl"

/** The tape's system segment: segment 0. */
export const tapeMetaFile = "tape.meta.jsonl"

/** Hint for readers in other processes; not part of the format. */
export const ackedFile = "litelib.acked"

/** The file under the writer's kernel lock; not part of the format. */
export const lockFile = "litelib.lock"

/** The byte that ends every record's line. */
export const newline = 0x0a

/** Whether `type` belongs to a reserved namespace. */
export const isReservedType = (type: string): boolean => type.startsWith("LiteTape.") || type.startsWith("LiteLib.")
