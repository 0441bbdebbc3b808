/** The form of a head. What an open store checks heads by, without what else there is to do with them. */
import * as Result from "effect/Result"
import { reader } from "../base/readShape.ts"
import * as Shape from "../base/Shape.ts"

/** A number of records, or an ordinal. */
export const Count = Shape.Int.check(Shape.isGreaterThanOrEqualTo(0))
/** A SHA-256 in hexadecimal digits. */
export const Hash = Shape.String.check(Shape.isPattern(/^[0-9a-f]{64}$/))
/** The id of a tape. */
export const Uuid = Shape.String.check(
  Shape.isPattern(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
)

/** A tape at one moment: its id, its number of records, and the RFC 9162 root over them. */
export const Head = Shape.Struct({ records: Count, root: Hash, tape: Uuid })
export type Head = typeof Head.Type

/** Returns whether a value is a head. */
export const isHead = (value: unknown): value is Head => {
  try {
    return Result.isSuccess(parseHead(value))
  } catch {
    return false
  }
}

/** Reads a head. */
export const parseHead = reader(Head, { onExcessProperty: "error" })
