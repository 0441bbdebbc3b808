/** From foreign bytes to a value, with the checks that need only bytes: size, encoding, depth, grammar. */
import { Buffer, isUtf8 } from "node:buffer"
import type { Limits } from "../format/Limits.ts"
import { type Reason, TaraSONError } from "./TaraSONError.ts"
import { depthMaxOf } from "./canonicalWriter.ts"

const refuse = (reason: Reason): never => {
  throw new TaraSONError({ pointer: "", reason })
}

/**
 * Returns the text of a line within the limits. The line is checked before it is decoded, and decoded before it is
 * parsed.
 */
export const decode = (line: Uint8Array, limits: Limits): string => {
  if (line.length > limits.recordBytesMax) {
    refuse({ _tag: "RecordTooLarge", bytes: line.length, recordBytesMax: limits.recordBytesMax })
  }
  if (!isUtf8(line) || startsWithMark(line)) refuse({ _tag: "InvalidEncoding" })
  checkDepth(line, depthMaxOf(limits))
  return Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString("utf8")
}

const startsWithMark = (line: Uint8Array): boolean => line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf

/** Counts brackets outside of strings. The depth is right for every JSON text; the parser refuses other texts. */
const checkDepth = (line: Uint8Array, depthMax: number): void => {
  if (line.length <= depthMax) return
  let depth = 0
  let quoted = false
  for (let at = 0; at < line.length; at++) {
    const byte = line[at]!
    if (quoted) {
      if (byte === 0x5c) at++
      else if (byte === 0x22) quoted = false
    } else if (byte === 0x22) {
      quoted = true
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > depthMax) refuse({ _tag: "NestingTooDeep", depthMax })
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--
    }
  }
}

/** Parses JSON like `JSON.parse`, but with an error that contains the position and never quotes the text. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    return refuse({ _tag: "NotJson", detail: detailOf(error) })
  }
}

const placed = / at position (\d+)(?: \(line \d+ column \d+\))?$/

const detailOf = (error: unknown): string => {
  const message = error instanceof Error ? error.message : ""
  const position = placed.exec(message)?.[1]
  if (position !== undefined) return `unexpected character at position ${position}`
  return message === "Unexpected end of JSON input" ? "it ends too early" : "unexpected token"
}
