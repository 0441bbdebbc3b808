/** Checks of the options of a view. */
import { aCallback, type Checks, refuseWrongOptions, shown, unless } from "../../domain/format/checkOptions.ts"
import { InvalidArgument } from "../../domain/format/Errors.ts"
import type { Part } from "./ViewPart.ts"

interface Given<State, On> {
  readonly name: string
  readonly initialState: () => State
  readonly events: (on: On) => ReadonlyArray<Part<State>>
}

const isName = (value: unknown): boolean => typeof value === "string" && /^[a-z0-9][a-z0-9_-]{0,63}$/.test(value)

const checks = {
  name: unless(isName, 'a name of 1 to 64 lower-case letters, digits, "-" and "_"'),
  initialState: aCallback,
  events: aCallback
} satisfies Checks<Given<never, never>>

const isPart = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "category" in value && "fold" in value

/** Returns the folds of a view. Throws `InvalidArgument` for what is not a view. */
export const checkView = <State, On>(options: Given<State, On>, on: On): ReadonlyArray<Part<State>> => {
  refuseWrongOptions("View.make", options, checks)
  const wrong = (argument: string, why: string) =>
    new InvalidArgument({ call: "View.make", argument: `options.${argument}`, why })
  for (const name of ["name", "initialState", "events"] as const) {
    if (options[name] === undefined) throw wrong(name, "is missing")
  }
  const parts = options.events(on)
  if (!Array.isArray(parts) || parts.length === 0 || !parts.every(isPart)) {
    throw wrong("events", "must return an array of what `on` returns, with at least one")
  }
  const names = parts.map(({ category }) => category)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw wrong("events", `has category ${shown(twice)} twice`)
  return parts
}
