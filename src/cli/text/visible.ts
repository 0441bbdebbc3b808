/** Makes text from a lib harmless: it may have come from anybody, and a terminal obeys control characters. */

/**
 * Characters that a terminal obeys, or that change how the text around them is shown: the controls C0 and C1, DEL, the
 * separators of lines and paragraphs, marks that change the direction of writing, the byte order mark, invisible tags,
 * and halves of surrogate pairs.
 */
const unsafe =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu

/** The same, except the newline. */
const unsafeInLines = new RegExp(
  unsafe.source.replace(String.raw`\u0000-\u001f`, String.raw`\u0000-\u0009\u000b-\u001f`),
  "gu"
)

const short: { readonly [character: string]: string } = {
  "\n": String.raw`\n`,
  "\r": String.raw`\r`,
  "\t": String.raw`\t`
}

/** Returns the escape of a character as JSON writes it. */
const escaped = (character: string): string => {
  let text = ""
  for (let at = 0; at < character.length; at++) {
    text += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`
  }
  return text
}

/** Returns `text` as one line that cannot drive a terminal: control characters are written as in JSON, such as `\u001b`. */
export const visible = (text: string): string =>
  text.replaceAll(unsafe, (character) => short[character] ?? escaped(character))

/** Does the same for text of several lines: newlines stay. */
export const visibleLines = (text: string): string =>
  text.replaceAll(unsafeInLines, (character) => short[character] ?? escaped(character))

/**
 * Returns a text of JSON for a value, on one line. In JSON these characters stand in strings only, where their escapes mean
 * the same, so a program reads the same value.
 */
export const visibleJson = (value: unknown): string => JSON.stringify(value).replaceAll(unsafe, escaped)

/** Does the same on several lines, indented. */
export const visibleJsonLines = (value: unknown): string =>
  JSON.stringify(value, undefined, 2).replaceAll(unsafeInLines, escaped)
