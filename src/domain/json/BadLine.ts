/**
 * A line is not what should stand there, though its checksums are right: those prove who wrote it, not what it is. The
 * message holds nothing of the line.
 */
export class BadLine extends Error {
  override readonly name = "BadLine"
}
