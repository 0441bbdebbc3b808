/**
 * Which tape holds a stream. A lib's placement is chosen when it is created, stands in its meta and never changes, so
 * that one stream is always on one tape.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { hash } from "node:crypto"
import { encodeTapeName } from "./Names.ts"

/**
 * - `category`: a tape for each category; the default.
 * - `stream`: a tape for each stream; for up to about a thousand of them.
 * - `single`: one tape, `events`.
 * - `hashed`: `tapes` tapes, `events-000` and on, 1 to 1024 of them.
 */
export const Placement = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("category") }),
  Schema.Struct({ kind: Schema.Literal("stream") }),
  Schema.Struct({ kind: Schema.Literal("single") }),
  Schema.Struct({
    kind: Schema.Literal("hashed"),
    tapes: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1024 }))
  })
])

export type Placement = typeof Placement.Type

/** A stream's name is none. `name` is cut at 120 characters. */
export class InvalidStreamName extends Schema.TaggedError<InvalidStreamName>("litetapes/InvalidStreamName")(
  "InvalidStreamName",
  { name: Schema.String, why: Schema.String }
) {
  override get message() {
    return `Not a stream name: ${JSON.stringify(this.name)}: ${this.why}`
  }
}

/** Longest name of a stream, in bytes of UTF-8. */
export const streamNameBytesMax = 512

/**
 * Gives `stream` back when it can name a stream: some text of at most 512 bytes without control characters that a
 * record can hold. Normalisation is not asked for: names that differ in bytes are different streams.
 *
 * @throws InvalidStreamName
 */
export const checkStreamName = (stream: string): string => {
  const why = whyNotStreamName(stream)
  if (why !== undefined) throw new InvalidStreamName({ name: stream.slice(0, 120).toWellFormed(), why })
  return stream
}

/** The part of a stream's name before the first `-`; all of it when there is none. */
export const category = (stream: string): string => {
  const dash = stream.indexOf("-")
  return dash === -1 ? stream : stream.slice(0, dash)
}

/** Name of the tape that holds `stream`, which must be a stream's name (`checkStreamName`). */
export const tapeOf = (placement: Placement, stream: string): string => {
  switch (placement.kind) {
    case "category":
      return encodeTapeName(category(stream))
    case "stream":
      return encodeTapeName(stream)
    case "single":
      return "events"
    case "hashed":
      return `events-${String(firstFourBytes(stream) % placement.tapes).padStart(3, "0")}`
  }
}

const firstFourBytes = (stream: string): number => Number.parseInt(hash("sha256", stream, "hex").slice(0, 8), 16)

const whyNotStreamName = (stream: string): string | undefined => {
  if (stream === "") return "it is empty"
  if (!stream.isWellFormed()) return "it has a lone surrogate, so it is not a text"
  if (/\p{Cc}/u.test(stream)) return "it has control characters"
  if (/\p{Noncharacter_Code_Point}/u.test(stream)) return "it has a Unicode noncharacter, which no record can hold"
  if (Buffer.byteLength(stream) > streamNameBytesMax) return `it is longer than ${streamNameBytesMax} bytes`
  return undefined
}

const decode = Schema.decodeUnknownResult(Placement, { onExcessProperty: "error" })

/** What is wrong with a placement for a new lib, if anything: as strictly as it is read from lib meta later. */
export const checkPlacement = (placement: unknown): { setting: string; why: string } | undefined =>
  Result.isSuccess(decode(placement))
    ? undefined
    : { setting: "placement", why: `is none: ${JSON.stringify(placement)}` }
