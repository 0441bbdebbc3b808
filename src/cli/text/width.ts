/** Widths of text in a terminal. */
import { displayWidth } from "effect/cli/CliOutput"

/** Text of these characters has as many columns as characters. */
const plain = /^[\x20-\x7e]*$/

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" })

/** Returns the number of columns that a text without control characters takes. */
export const widthOf = (text: string): number => (plain.test(text) ? text.length : displayWidth(text))

/** Returns `text` if it has at most `width` columns, else its beginning with an ellipsis. */
export const cut = (text: string, width: number): string => {
  if (text.length <= width && plain.test(text)) return text
  if (plain.test(text)) return width <= 0 ? "" : `${text.slice(0, width - 1)}…`
  // No character has more than two columns for each of its units of code.
  if (text.length * 2 <= width || widthOf(text) <= width) return text
  let kept = ""
  let columns = 0
  for (const { segment } of graphemes.segment(text)) {
    const wide = widthOf(segment)
    if (columns + wide > width - 1) break
    kept += segment
    columns += wide
  }
  return width <= 0 ? "" : `${kept}…`
}

/** Fills `text` up to `width` columns, at its end or at its beginning. */
export const pad = (text: string, width: number, align: "left" | "right" = "left"): string => {
  const filling = " ".repeat(Math.max(0, width - widthOf(text)))
  return align === "left" ? text + filling : filling + text
}
