/**
 * Thrown if a line has the right checksum but is not what belongs in its place: a checksum proves that bytes are
 * unchanged, not that they are valid. The message contains nothing of the line.
 */
export class BadLine extends Error {
  override readonly name = "BadLine"
}
