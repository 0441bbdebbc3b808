/** What TaraSON says of strings and places: well-formedness (RFC 7493 section 2.1) and JSON Pointers (RFC 6901). */

const illFormed = /[\p{Surrogate}\p{Noncharacter_Code_Point}]/u

/** Whether `text` has a lone surrogate or a Unicode noncharacter: neither may stand in a record. */
export const isIllFormed = (text: string): boolean => !text.isWellFormed() || illFormed.test(text)

/** One segment of a JSON Pointer: `~` becomes `~0` and `/` becomes `~1`. */
export const escapeSegment = (key: string): string =>
  key.includes("~") || key.includes("/") ? key.replaceAll("~", "~0").replaceAll("/", "~1") : key

/** Longest segment, in UTF-16 units, that an error's pointer shows. */
const segmentLengthMax = 64

/** The JSON Pointer of an error: its segments are cut and well-formed, so that it can be logged. */
export const pointerOf = (path: ReadonlyArray<string | number>): string =>
  path.map((key) => `/${escapeSegment(String(key).slice(0, segmentLengthMax)).toWellFormed()}`).join("")
