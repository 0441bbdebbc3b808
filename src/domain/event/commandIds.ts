/**
 * The ids of a command's events. They are derived, so that a repeated command gives its events the same ids without
 * anything being stored about it.
 *
 * The id is a name-based UUID of version 8 (RFC 9562, appendix B.2): the first 16 bytes of the SHA-256 of
 * `<index>\n<stream>\n<commandId>` in UTF-8, with version and variant set. `index` counts the command's events of that
 * stream, from 0. A stream name has no newline, so no two names have the same text.
 *
 * Retries find their events by these ids, in libs that other versions wrote: the derivation must never change.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-example-of-a-uuidv8-value-n
 */
import { createHash } from "node:crypto"
import { uuidOf } from "../base/Uuid.ts"

/** Returns the id of the event `index` of a command in a stream. */
export const commandEventId = (stream: string, commandId: string, index: number): string =>
  uuidOf(createHash("sha256").update(`${index}\n${stream}\n${commandId}`).digest(), 8)
