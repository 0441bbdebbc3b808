/** Rules of TaraSON for strings and places: well-formedness (RFC 7493 section 2.1) and JSON Pointers (RFC 6901). */

const illFormed = /[\p{Surrogate}\p{Noncharacter_Code_Point}]/u

/** Returns whether `text` has a lone surrogate or a Unicode noncharacter. A record may contain neither. */
export const isIllFormed = (text: string): boolean => !text.isWellFormed() || illFormed.test(text)

/** Returns a key as one segment of a JSON Pointer: `~` becomes `~0` and `/` becomes `~1`. */
export const escapeSegment = (key: string): string =>
  key.includes("~") || key.includes("/") ? key.replaceAll("~", "~0").replaceAll("/", "~1") : key

/** UTF-16 units of the longest segment in an error's pointer. */
const segmentLengthMax = 64

/** Returns the JSON Pointer of an error. Its segments are cut and well-formed, so that it can be logged. */
export const pointerOf = (path: ReadonlyArray<string | number>): string =>
  path.map((key) => `/${escapeSegment(String(key).slice(0, segmentLengthMax)).toWellFormed()}`).join("")
