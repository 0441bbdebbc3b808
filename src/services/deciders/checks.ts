/** Checks of a command of a decider. */
import * as Schedule from "effect/Schedule"
import {
  aFlag,
  anObject,
  aText,
  type Checks,
  isCount,
  notUndefined,
  shown,
  texts,
  unless
} from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { AppendCheckpoint } from "../streams/GivenCheckpoint.ts"

/** Options of a command, as far as their names go. */
export interface CommandOptions {
  readonly commandId?: string
  readonly checkpoint?: AppendCheckpoint
  readonly retry?: number | Schedule.Schedule<unknown>
  readonly metadata?: unknown
  readonly tags?: ReadonlyArray<string>
  readonly correlationId?: string
  readonly causationId?: string
  readonly enforce?: boolean
}

export const commandChecks = {
  commandId: notUndefined,
  checkpoint: notUndefined,
  retry: unless((value) => isCount(value) || Schedule.isSchedule(value), "a whole number, 0 or more, or a Schedule"),
  metadata: anObject,
  tags: texts,
  correlationId: aText,
  causationId: aText,
  enforce: aFlag
} satisfies Checks<CommandOptions>

/** Returns the error for a stream that occurs twice. */
export const whyTwice = (call: string, streams: ReadonlyArray<string>): InvalidArgument | undefined => {
  const twice = streams.find((stream, index) => streams.indexOf(stream) !== index)
  if (twice === undefined) return undefined
  const why = `has two commands for stream ${shown(twice)}: handle them one after the other, or as one command`
  return new InvalidArgument({ call, argument: "commands", why })
}
