/** The lines of a tape: each is canonical, and none is a system record. */
import { isReservedType, newline } from "../format/Format.ts"
import { BadLine } from "../json/BadLine.ts"
import { scanRecord, unknown } from "../json/canonicalScan.ts"
import { invariant } from "../base/invariant.ts"
import { depthMaxOf } from "../json/canonicalWriter.ts"
import type { Limits } from "../format/Limits.ts"
import * as TaraSON from "../json/TaraSON.ts"

/**
 * Parses a line that was written before. Throws if it is not canonical. A limit that was lowered since then is ignored.
 */
export const parseLine = (line: Uint8Array, limits: Limits): TaraSON.JsonObject =>
  TaraSON.parseCanonical(line, { ...limits, recordBytesMax: Math.max(limits.recordBytesMax, line.length) })

/** Returns whether a record is a system record. */
export const isSystemRecord = (record: TaraSON.JsonObject): boolean => {
  const type = record["$type"]
  return typeof type === "string" && isReservedType(type)
}

/** Parses the line of a user record. Throws if it is not the canonical form of one. */
export const readRecord = (line: Uint8Array, limits: Limits): TaraSON.JsonObject => {
  const record = parseLine(line, limits)
  if (isSystemRecord(record)) throw new BadLine("it is a system record")
  return record
}

/**
 * Returns where the user record that begins at `start` ends, in whole lines. Throws if the line is not its canonical
 * form.
 */
export const endOfRecord = (lines: Uint8Array, start: number, limits: Limits): number => {
  const scanned = scanRecord(lines, start, depthMaxOf(limits))
  if (scanned !== unknown && lines[scanned] === newline) return scanned
  const end = lines.indexOf(newline, start)
  invariant(end !== -1, "every line ends with a newline")
  readRecord(lines.subarray(start, end), limits)
  return end
}

/** Checks whole lines. Throws at the first that is not the canonical form of a user record. */
export const checkLines = (lines: Uint8Array, limits: Limits): void => {
  for (let start = 0; start < lines.length;) start = endOfRecord(lines, start, limits) + 1
}
