/** What is wrong with foreign bytes, in words that hold nothing of them: they go into errors, and from there into logs. */
import { TaraSONError } from "../TaraSONError.ts"
import { BadLine } from "./BadLine.ts"

/**
 * What was thrown while a line was read, told without its content: a parser's own message may quote it, and a pointer
 * into it is made of its keys. An `Error` of no special kind is one of ours.
 */
export const troubleOf = (error: unknown): string => {
  if (error instanceof TaraSONError) return new TaraSONError({ pointer: "", reason: error.reason }).message
  if (error instanceof BadLine) return error.message
  return error instanceof Error && error.constructor === Error ? error.message : "it is no such record"
}
