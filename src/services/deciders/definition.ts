/** Checks of a decider when it is made. */
import * as Schema from "effect/Schema"
import {
  aCallback,
  aCount,
  type Check,
  type Checks,
  isCount,
  nested,
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
