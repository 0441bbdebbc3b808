/**
 * Which tape holds a stream. A lib's placement is chosen when the lib is created. Lib meta contains it, and it never
 * changes, so a stream is always on one tape.
 */
import * as Result from "effect/Result"
import * as Shape from "../base/Shape.ts"
import { reader } from "../base/readShape.ts"
import { TaggedError } from "../base/TaggedError.ts"
import { hash } from "node:crypto"
import { isUuidText } from "../base/Uuid.ts"
import { shown } from "./checkOptions.ts"
import { encodeTapeName } from "./Names.ts"

/**
 * How streams are placed on tapes:
 *
 * - `category-or-shared`: one tape for each category, and one, `events`, for all streams without a category: those
 *   without a `-`, and those whose whole name is a UUID. The default.
 * - `category`: one tape for each category, also for categories with one stream only. The default of early versions.
 * - `stream`: one tape for each stream; for up to about a thousand streams.
 * - `single`: one tape, `events`.
 * - `hashed`: 1 to 1024 tapes, `events-000`, `events-001` and so on; the hash of a stream's name chooses its tape.
 */
export const Placement = Shape.Union([
  Shape.Struct({ kind: Shape.Literal("category-or-shared") }),
  Shape.Struct({ kind: Shape.Literal("category") }),
  Shape.Struct({ kind: Shape.Literal("stream") }),
  Shape.Struct({ kind: Shape.Literal("single") }),
  Shape.Struct({
    kind: Shape.Literal("hashed"),
    tapes: Shape.Int.check(Shape.isBetween({ minimum: 1, maximum: 1024 }))
  })
])

export type Placement = typeof Placement.Type

/** The placement of a new lib. */
export const defaultPlacement: Placement = Object.freeze({ kind: "category-or-shared" })

/** Name of the tape that the placements `single` and `category-or-shared` share among streams. */
export const sharedTape = "events"

/** A text is not the name of a stream. `name` is cut at 120 characters; `why` says what is wrong with it. */
export class InvalidStreamName extends TaggedError<InvalidStreamName>("litetapes/InvalidStreamName")(
  "InvalidStreamName",
  { name: Shape.String, why: Shape.String }
) {
  override get message() {
    return `${JSON.stringify(this.name)} is not a stream name: ${this.why}`
  }
}

/** Bytes of UTF-8 of the longest name of a stream. */
export const streamNameBytesMax = 512

/**
 * Returns `stream` if it can name a stream, and throws otherwise: a text of 1 to 512 bytes without control characters
 * that a record can hold. Names are not normalised: names that differ in bytes are different streams.
 *
 * @throws InvalidStreamName
 */
export const checkStreamName = (stream: string): string => {
  const why = typeof stream === "string" ? whyNotStreamName(stream) : "it must be a text"
  if (why !== undefined) throw new InvalidStreamName({ name: namedIn(stream), why })
  return stream
}

/** Returns the beginning of a name for an error; of what is not a text, what it is. */
const namedIn = (name: unknown): string => (typeof name === "string" ? name.slice(0, 120).toWellFormed() : shown(name))

/** Returns the category of a stream: the part of its name before the first `-`, or all of it if there is no `-`. */
export const category = (stream: string): string => {
  const dash = stream.indexOf("-")
  return dash === -1 ? stream : stream.slice(0, dash)
}

/**
 * Returns whether a stream is on the shared tape with the placement `category-or-shared`: its name has no `-`, or is a
 * UUID as a whole (8-4-4-4-12 hexadecimal digits of either case).
 */
export const isShared = (stream: string): boolean => !stream.includes("-") || isUuidText(stream)

/** Returns whether streams of this category, in the sense of `category`, may be on the shared tape under a UUID. */
export const mayBeUuids = (name: string): boolean => /^[0-9a-f]{8}$/i.test(name)

/** Returns the name of the tape that holds `stream`, which must be the name of a stream (`checkStreamName`). */
export const tapeOf = (placement: Placement, stream: string): string => {
  switch (placement.kind) {
    case "category-or-shared":
      return isShared(stream) ? sharedTape : encodeTapeName(category(stream))
    case "category":
      return encodeTapeName(category(stream))
    case "stream":
      return encodeTapeName(stream)
    case "single":
      return sharedTape
    case "hashed":
      return `events-${String(firstFourBytes(stream) % placement.tapes).padStart(3, "0")}`
  }
}

const firstFourBytes = (stream: string): number => Number.parseInt(hash("sha256", stream, "hex").slice(0, 8), 16)

const whyNotStreamName = (stream: string): string | undefined => {
  if (stream === "") return "it is empty"
  if (!stream.isWellFormed()) return "it has a lone surrogate, so it is not well-formed Unicode"
  if (/\p{Cc}/u.test(stream)) return "it has control characters"
  if (/\p{Noncharacter_Code_Point}/u.test(stream)) return "it has a Unicode noncharacter, which no record can hold"
  if (Buffer.byteLength(stream) > streamNameBytesMax) return `it is longer than ${streamNameBytesMax} bytes`
  return undefined
}

const decode = reader(Placement, { onExcessProperty: "error" })

/**
 * Returns what is wrong with the placement of a new lib, or `undefined`. As strict as reading it from lib meta later.
 */
export const checkPlacement = (placement: unknown): { setting: string; why: string } | undefined =>
  Result.isSuccess(decode(placement))
    ? undefined
    : {
        setting: "placement",
        why: `must be category-or-shared, category, stream, single, or hashed with 1 to 1024 tapes, not ${JSON.stringify(placement)}`
      }
