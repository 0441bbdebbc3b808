/** Colours, which are used only where a terminal shows them. */

/** A way to show a text. */
export type Style = (text: string) => string

/** The ways in which the command shows text. */
export interface Styles {
  readonly bold: Style
  readonly dim: Style
  readonly red: Style
  readonly green: Style
  readonly yellow: Style
  readonly cyan: Style
}

const plain: Style = (text) => text

const code =
  (on: number, off: number): Style =>
  (text) =>
    text === "" ? text : `\u001b[${on}m${text}\u001b[${off}m`

export const plainStyles: Styles = { bold: plain, dim: plain, red: plain, green: plain, yellow: plain, cyan: plain }

export const colours: Styles = {
  bold: code(1, 22),
  dim: code(2, 22),
  red: code(31, 39),
  green: code(32, 39),
  yellow: code(33, 39),
  cyan: code(36, 39)
}
