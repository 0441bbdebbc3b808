/** The texts that are kept for a consumer: its checkpoint, and a record of each parked event. */
import { is } from "../../domain/base/readShape.ts"
import * as Shape from "../../domain/base/Shape.ts"
import { parseJson } from "../../domain/json/strictDecode.ts"
import type { Range } from "./Progress.ts"

/** How far a consumer is. Everything below `low` is done, and what `done` lists above it. */
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
  /** Position after the last event that was looked at. The history of a lib must contain it for this checkpoint to hold. */
  readonly end: number
}

/** An event that the handler failed on, set aside. The event itself stays in the lib alone. */
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
  /** What it failed with last. */
  readonly why: string
  /** When it failed last, in milliseconds since 1970. */
  readonly time: number
}

export const checkpointKey = "checkpoint"

const parkedPrefix = "parked-"

export const parkedKey = (position: number): string => `${parkedPrefix}${position}`

export const isParkedKey = (key: string): boolean => key.startsWith(parkedPrefix)

export const encode = (record: Checkpoint | ParkedEvent): string => `${JSON.stringify(record)}\n`

/** Returns a checkpoint; `undefined` if the text is not one. */
export const decodeCheckpoint = (text: string): Checkpoint | undefined => {
  const given = parsed(text)
  return isCheckpoint(given) && areRanges(given) ? given : undefined
}

/** Returns the record of a parked event; `undefined` if the text is not one. */
export const decodeParked = (text: string): ParkedEvent | undefined => {
  const given = parsed(text)
  return isParked(given) ? given : undefined
}

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

const parsed = (text: string): unknown => {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
