/** What is wrong with foreign bytes, in words that hold nothing of them: they go into errors, and from there into logs. */
import { TaraSONError } from "./TaraSONError.ts"
import { BadLine } from "./BadLine.ts"

/** What a schema says of a value, which names its keys: no message grows with its input. */
export const shortened = (message: string): string =>
  message.length <= messageLengthMax ? message : `${message.slice(0, messageLengthMax).toWellFormed()}…`

const messageLengthMax = 500

/**
 * What was thrown while a line was read, told without its content: a parser's own message may quote it, and a pointer
 * into it is made of its keys. An `Error` of no special kind is one of ours.
 */
export const describeError = (error: unknown): string => {
  if (error instanceof TaraSONError) return new TaraSONError({ pointer: "", reason: error.reason }).message
  if (error instanceof BadLine) return error.message
  return error instanceof Error && error.constructor === Error ? error.message : "it is no such record"
}
