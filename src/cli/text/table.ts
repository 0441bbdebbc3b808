/** Aligned tables that fit the terminal. */
import { type Style, type Styles } from "./styles.ts"
import { visible } from "./visible.ts"
import { cut, pad, widthOf } from "./width.ts"

/** A column of a table. */
export interface Column {
  readonly title: string
  /** Default: left. */
  readonly align?: "left" | "right"
  /** Whether its cells may be cut if the table is wider than the terminal. Such columns are cut first. */
  readonly flexible?: boolean
  /** Default: none. */
  readonly style?: (cell: string, styles: Styles) => string
}

/** How a table is shown. */
export interface TableOptions {
  /** Columns of the terminal; `undefined` without a terminal, where nothing is cut. */
  readonly width: number | undefined
  readonly styles: Styles
}

const gap = "  "

/** Width below which a flexible column is not cut before the others are. */
const flexibleMin = 8

/** Returns the width of each column. Cells of the widest flexible columns are cut first. */
const fit = (
  natural: ReadonlyArray<number>,
  columns: ReadonlyArray<Column>,
  width: number | undefined
): Array<number> => {
  const widths = [...natural]
  if (width === undefined) return widths
  const available = width - gap.length * (columns.length - 1)
  let over = widths.reduce((sum, one) => sum + one, 0) - available
  for (const [flexible, least] of [
    [true, flexibleMin],
    [false, 1]
  ] as const) {
    while (over > 0) {
      let widest = -1
      for (const [at, column] of columns.entries()) {
        if (flexible && column.flexible !== true) continue
        if (widths[at]! > least && (widest < 0 || widths[at]! > widths[widest]!)) widest = at
      }
      if (widest < 0) break
      widths[widest]! -= 1
      over -= 1
    }
  }
  return widths
}

/**
 * Returns a table as lines without trailing spaces. Cells are made harmless. No line is wider than `width`: cells that do
 * not fit are cut, and end with an ellipsis.
 */
export const table = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  { styles, width }: TableOptions
): Array<string> => {
  const cells = rows.map((row) => columns.map((_, at) => visible(row[at] ?? "")))
  const natural = columns.map((column, at) =>
    cells.reduce((widest, row) => Math.max(widest, widthOf(row[at]!)), widthOf(column.title))
  )
  const widths = fit(natural, columns, width)
  const line = (texts: ReadonlyArray<string>, styleOf: (at: number) => Style): string => {
    const shown = columns.map(({ align }, at) => {
      const text = cut(texts[at]!, widths[at]!)
      const isLast = at === columns.length - 1 && align !== "right"
      const padded = isLast ? text : pad(text, widths[at]!, align)
      // The padding has no style, so that nothing is underlined or coloured beyond the text.
      return padded.replace(text, () => styleOf(at)(text))
    })
    const joined = shown.join(gap)
    return width === undefined ? joined.trimEnd() : fitLine(joined.trimEnd(), width)
  }
  const head = line(
    columns.map(({ title }) => title),
    () => styles.bold
  )
  const body = cells.map((row) => line(row, (at) => (text) => columns[at]!.style?.(text, styles) ?? text))
  return [head, ...body]
}

/** A terminal that is narrower than the gaps between the columns still gets no longer lines. */
const fitLine = (line: string, width: number): string => {
  // oxlint-disable-next-line no-control-regex
  const bare = line.replaceAll(/\u001b\[\d+m/g, "")
  return widthOf(bare) <= width ? line : cut(bare, width)
}

/** Returns names and values, one pair a line, the values aligned. */
export const pairs = (
  entries: ReadonlyArray<readonly [name: string, value: string]>,
  { styles, width }: TableOptions
): Array<string> => {
  const widest = entries.reduce((most, [name]) => Math.max(most, widthOf(visible(name))), 0)
  return entries.map(([name, value]) => {
    const label = pad(visible(name), widest)
    const room = width === undefined ? undefined : Math.max(1, width - widest - gap.length)
    const text = visible(value)
    const shown = `${styles.dim(label)}${gap}${room === undefined ? text : cut(text, room)}`.trimEnd()
    return width === undefined ? shown : fitLine(shown, width)
  })
}
