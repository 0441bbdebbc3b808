/**
 * Describes what is wrong with foreign bytes without quoting them: the text goes into errors, and from there into logs.
 */
import { TaraSONError } from "./TaraSONError.ts"
import { BadLine } from "./BadLine.ts"

/** Shortens the message of a schema, which names the keys of its input: no message grows with its input. */
export const shortened = (message: string): string =>
  message.length <= messageLengthMax ? message : `${message.slice(0, messageLengthMax).toWellFormed()}…`

const messageLengthMax = 500

/**
 * Describes what was thrown while a line was read, without the line's content: a parser's own message may quote it, and
 * a pointer into it consists of its keys. An `Error` of no special class is one of ours.
 */
export const describeError = (error: unknown): string => {
  if (error instanceof TaraSONError) return new TaraSONError({ pointer: "", reason: error.reason }).message
  if (error instanceof BadLine) return error.message
  return error instanceof Error && error.constructor === Error
    ? error.message
    : "it is not a record of the expected kind"
}
