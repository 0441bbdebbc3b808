/** Checks of what a caller gives to a decider. */
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import {
  aCallback,
  aCount,
  aFlag,
  anObject,
  aText,
  type Check,
  type Checks,
  isCount,
  nested,
  notUndefined,
  shown,
  texts,
  unless,
  withMethod
} from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"

/** Options of a decider, as far as their names go. */
interface OptionNames {
  readonly name: unknown
  readonly category: unknown
  readonly version?: unknown
  readonly initialState: unknown
  readonly evolve: unknown
  readonly decide: unknown
  readonly cache?: unknown
  readonly snapshot?: unknown
}

const positive = unless((value) => isCount(value) && value > 0, "a whole number, 1 or more")

const aSchema = unless(Schema.isSchema, "a Schema")

const checks = {
  name: unless((value) => typeof value === "string" && value !== "", "a text that is not empty"),
  category: withMethod("encode", "a category"),
  version: positive,
  initialState: aCallback,
  evolve: aCallback,
  decide: aCallback,
  cache: aCount,
  snapshot: nested({ every: positive, state: aSchema })
} satisfies Checks<OptionNames>

export const optionChecks: Readonly<Record<string, Check>> = checks

/** Returns the error for an option that a decider cannot do without. */
export const missing = (options: OptionNames): InvalidArgument | undefined => {
  const required = ["name", "category", "initialState", "evolve", "decide"] as const
  const snapshot = options.snapshot as { readonly every?: unknown; readonly state?: unknown } | undefined
  const argument =
    required.find((name) => options[name] === undefined) ??
    (snapshot === undefined ? undefined : (["every", "state"] as const).find((name) => snapshot[name] === undefined))
  if (argument === undefined) return undefined
  const path = argument === "every" || argument === "state" ? `snapshot.${argument}` : argument
  return new InvalidArgument({ call: "Decider.make", argument: `options.${path}`, why: "is missing" })
}

/** Options of a command, as far as their names go. */
export interface CommandOptions {
  readonly commandId?: string
  readonly retry?: number | Schedule.Schedule<unknown>
  readonly metadata?: unknown
  readonly tags?: ReadonlyArray<string>
  readonly correlationId?: string
  readonly causationId?: string
  readonly enforce?: boolean
}

export const commandChecks = {
  commandId: notUndefined,
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
