/** The texts that are kept for a consumer: its checkpoint, and a record of each parked event. */
import { is } from "../../domain/base/readShape.ts"
import * as Shape from "../../domain/base/Shape.ts"
import { isCount, shown } from "../../domain/format/checkOptions.ts"
import { parseJson } from "../../domain/json/strictDecode.ts"
import type { Range } from "./Progress.ts"

/** The checkpoint of a consumer: everything below `low` is done, and the ranges in `done`. */
export interface Checkpoint {
  readonly consumer: string
  readonly version: number
  /** UUID of the lib. */
  readonly lib: string
  /** Lineage that the lib had. */
  readonly lineage: string
  /** The lowest position that is not done. */
  readonly low: number
  /** Ranges that are done above `low`, in ascending order; the second position is excluded. */
  readonly done: ReadonlyArray<Range>
  /**
   * Position after the last event that the consumer has seen. This checkpoint is valid only in a lib whose history
   * contains it.
   */
  readonly end: number
}

/** An event that the handler failed on, set aside. Its data stays only in the lib. */
export interface ParkedEvent {
  /** UUID of the lib. With the lineage and the position this is a `Lib.Place`. */
  readonly lib: string
  /** Lineage of the lib. */
  readonly lineage: string
  /** Position of the event. */
  readonly position: number
  /** Name of its stream. */
  readonly stream: string
  /** Its place in the stream, from 0. */
  readonly revision: number
  /** Its type. */
  readonly type: string
  /** Its id. */
  readonly id: string
  /** How often the handler was called, replays included. */
  readonly attempts: number
  /** The last error of the handler. */
  readonly why: string
  /** When it was parked first, in milliseconds since 1970. */
  readonly since: number
  /** When it failed last, in milliseconds since 1970. */
  readonly time: number
}

export const checkpointKey = "checkpoint"

const parkedPrefix = "parked-"

export const parkedKey = (position: number): string => `${parkedPrefix}${position}`

export const isParkedKey = (key: string): boolean => key.startsWith(parkedPrefix)

/** Version of the texts. */
const format = 1

/** Most characters of a text: more than two ranges for each event that may be in flight. */
export const textLengthMax = 8 * 1024 * 1024

export const encode = (record: Checkpoint | ParkedEvent): string => `${JSON.stringify({ format, ...record })}\n`

/** Returns the checkpoint of a consumer, or what is wrong with the text. */
export const decodeCheckpoint = (text: string, consumer: string): Checkpoint | string => {
  const given = parsed(text)
  if (typeof given === "string") return given
  if (!isCheckpoint(given) || !areRanges(given)) return damaged
  return given.consumer === consumer ? given : `it is of consumer ${shown(given.consumer)}`
}

/** Returns the record of a parked event of a lib, or what is wrong with the text. */
export const decodeParked = (text: string, key: string, lib: string): ParkedEvent | string => {
  const given = parsed(text)
  if (typeof given === "string") return given
  if (!isParked(given)) return damaged
  if (given.lib !== lib) return `it is of lib ${shown(given.lib)}, and the checkpoint is of lib ${lib}`
  return parkedKey(given.position) === key ? given : `it is of position ${given.position}`
}

const damaged = "it is damaged, or something else"

const count = Shape.Int.check(Shape.isGreaterThanOrEqualTo(0))

const isCheckpoint = is(
  Shape.Struct({
    consumer: Shape.String,
    version: count,
    lib: Shape.String,
    lineage: Shape.String,
    low: count,
    done: Shape.Array(Shape.Tuple([count, count])),
    end: count
  })
)

const isParked = is(
  Shape.Struct({
    lib: Shape.String,
    lineage: Shape.String,
    position: count,
    stream: Shape.String,
    revision: count,
    type: Shape.String,
    id: Shape.String,
    attempts: count,
    why: Shape.String,
    since: count,
    time: count
  })
)

/** Whether the ranges are in order, and between both ends. */
const areRanges = ({ done, end, low }: Checkpoint): boolean => {
  let last = low
  for (const [from, to] of done) {
    if (from < last || to <= from) return false
    last = to
  }
  return last <= end
}

/** Returns what is written there, or what is wrong with the text. */
const parsed = (text: string): object | string => {
  if (text.length > textLengthMax) return `it has more than ${textLengthMax} characters`
  try {
    const given = parseJson(text)
    if (typeof given !== "object" || given === null) return damaged
    const version: unknown = Reflect.get(given, "format")
    if (version === format) return given
    return isCount(version) && version > format
      ? `it has format ${version}, and this version of litetapes knows ${format} only: upgrade`
      : damaged
  } catch {
    return damaged
  }
}
