/** The lines of a tape: each is canonical, and none is a system record. */
import { isReservedType, newline } from "../../domain/Format.ts"
import { BadLine } from "../../domain/internal/BadLine.ts"
import { scanRecord, unknown } from "../../domain/internal/canonicalScan.ts"
import { invariant } from "../../domain/internal/invariant.ts"
import { depthCeiling } from "../../domain/internal/canonicalWriter.ts"
import type { Limits } from "../../domain/Limits.ts"
import * as TaraSON from "../../domain/TaraSON.ts"

/** Parses the line of a user record; throws where it is not the canonical form of one. Lowered limits refuse nothing. */
export const readRecord = (line: Uint8Array, limits: Limits): TaraSON.JsonObject => {
  const recordBytesMax = Math.max(limits.recordBytesMax, line.length)
  const record = TaraSON.parseCanonical(line, { ...limits, recordBytesMax })
  const type = record["$type"]
  if (typeof type === "string" && isReservedType(type)) throw new BadLine("it holds a system record")
  return record
}

/** Where the user record that begins at `start` ends, in whole lines; throws where the line is not the canonical form of one. */
export const endOfRecord = (lines: Uint8Array, start: number, limits: Limits): number => {
  const scanned = scanRecord(lines, start, Math.min(limits.depthMax, depthCeiling))
  if (scanned !== unknown && lines[scanned] === newline) return scanned
  const end = lines.indexOf(newline, start)
  invariant(end !== -1, "whole lines are read")
  readRecord(lines.subarray(start, end), limits)
  return end
}

/** Checks whole lines: throws at the first that is not the canonical form of a user record. */
export const checkLines = (lines: Uint8Array, limits: Limits): void => {
  for (let start = 0; start < lines.length;) start = endOfRecord(lines, start, limits) + 1
}
