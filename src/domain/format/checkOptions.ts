/**
 * Checks what a caller gives: options by their names and values. A misspelt name must not switch a check off, so each
 * set of options has a table of all names, which the compiler compares with its type.
 */
import { isArray } from "../base/isArray.ts"
import { InvalidArgument } from "./CallErrors.ts"

/** What is wrong, and where below the value: `.types` for a field, empty for the value itself. */
export interface Wrong {
  readonly below: string
  readonly why: string
}

/** Returns what is wrong with the value of an option, or `undefined`. */
export type Check = (value: unknown) => Wrong | undefined

/** A check for each option. `satisfies Checks<Options>` refuses a table that lacks an option or has another one. */
export type Checks<Options> = { readonly [Name in keyof Required<Options>]: Check }

/**
 * Returns the error of a call whose options are not those of the table, or `undefined`. Costs nothing without options,
 * else one look-up for each option that is given.
 */
export const wrongOptions = (
  call: string,
  given: unknown,
  checks: Readonly<Record<string, Check>>,
  argument = "options"
): InvalidArgument | undefined => {
  if (given === undefined) return undefined
  const wrong = wrongFields(given, checks)
  return wrong === undefined
    ? undefined
    : new InvalidArgument({ call, argument: `${argument}${wrong.below}`, why: wrong.why })
}

/** Throws the error of a call whose options are not those of the table. */
export const refuseWrongOptions = (
  call: string,
  given: unknown,
  checks: Readonly<Record<string, Check>>,
  argument?: string
): void => {
  const error = wrongOptions(call, given, checks, argument)
  if (error !== undefined) throw error
}

const wrongFields = (given: unknown, checks: Readonly<Record<string, Check>>): Wrong | undefined => {
  if (typeof given !== "object" || given === null) return wrong(`must be an object, not ${shown(given)}`)
  try {
    if (Array.isArray(given)) return wrong("must be an object, not an array")
    for (const name in given) {
      if (!Object.hasOwn(given, name)) continue
      if (!Object.hasOwn(checks, name)) return { below: `.${shownName(name)}`, why: unknownName(name, checks) }
      const found = checks[name]!((given as Readonly<Record<string, unknown>>)[name])
      if (found !== undefined) return { below: `.${name}${found.below}`, why: found.why }
    }
    return undefined
  } catch {
    return wrong(unreadable)
  }
}

/** Reason for an object that cannot be read. What was thrown is the caller's, so it is not repeated. */
export const unreadable = "cannot be read: it is a revoked proxy, or reading it throws"

const unknownName = (name: string, checks: Readonly<Record<string, Check>>): string => {
  const known = Object.keys(checks)
  const near = nearest(name, known)
  return near === undefined ? `${notKnown}${known.join(", ")}` : `is not known; did you mean ${near}?`
}

const notKnown = "is not known, only "

/**
 * Returns the error of a call that takes one more option than its table has: an error that names those that it takes names
 * this one too.
 */
export const naming = (error: InvalidArgument, more: string): InvalidArgument => {
  const { argument, call, why } = error
  const name = /^(?:options|range)\.([\w$]+|".*")$/s.exec(argument)?.[1]
  if (name === undefined || !why.startsWith(notKnown)) return error
  if (why.slice(notKnown.length).split(", ").includes(more)) return error
  const near = nearest(name, [more])
  const other = near === undefined ? `${why}, ${more}` : `is not known; did you mean ${near}?`
  return new InvalidArgument({ call, argument, why: other })
}

const wrong = (why: string): Wrong => ({ below: "", why })

/** Returns the known name that is most like `name`, or `undefined` if none is. */
export const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  const given = name.slice(0, namedMax).toLowerCase()
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const other = candidate.toLowerCase()
    const isPart = given.length > 2 && (other.startsWith(given) || given.startsWith(other) || given.endsWith(other))
    const distance = isPart ? 1 : editsBetween(given, other)
    if (distance >= least || distance > Math.max(1, Math.floor(Math.min(given.length, other.length) / 3))) continue
    best = candidate
    least = distance
  }
  return best
}

/** Characters of a name that an error shows. */
const namedMax = 40

/** Levenshtein distance. */
const editsBetween = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

/** Returns a name for the path of an argument. */
export const shownName = (name: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(name) && name.length <= namedMax ? name : JSON.stringify(name.slice(0, namedMax))

/** Describes a value of a caller: short, and without the contents of objects. */
export const shown = (value: unknown): string => {
  if (typeof value === "string") {
    return JSON.stringify(value.length <= namedMax ? value : `${value.slice(0, namedMax)}…`)
  }
  if (typeof value === "bigint") return `${value}n`
  if (typeof value === "symbol" || typeof value === "function") return `a ${typeof value}`
  if (typeof value !== "object" || value === null) return String(value)
  return isArray(value) ? "an array" : "an object"
}

/** Returns an element of a caller's array; `undefined` if it cannot be read, such as through a proxy that throws. */
export const elementOf = <A>(array: ReadonlyArray<A>, index: number): A => {
  try {
    return array[index]!
  } catch {
    return undefined as A
  }
}

// ## Checks of values. An option that is `undefined` counts as left out.

/** A check that a value is right, or left out. */
export const unless = (isRight: (value: unknown) => boolean, must: string): Check => {
  return (value) => (value === undefined || isRight(value) ? undefined : wrong(`must be ${must}, not ${shown(value)}`))
}

/** Whether a value counts something: a whole number, 0 or more, that is exact. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** Any value: something else checks it. */
export const anything: Check = () => undefined

const canBePrinted = (value: unknown): boolean => {
  try {
    JSON.stringify(value)
    return true
  } catch {
    return false
  }
}

/** A value that something else checks, and prints if it is wrong. */
export const printable = unless(canBePrinted, "a value that JSON can print")

export const aNumber = unless((value) => typeof value === "number", "a number")

export const aCount = unless(isCount, "a whole number, 0 or more")

/** A count, or `Infinity` for no limit. */
export const aCountOrInfinity = unless(
  (value) => isCount(value) || value === Number.POSITIVE_INFINITY,
  "a whole number, 0 or more"
)

export const aFlag = unless((value) => typeof value === "boolean", "true or false")

export const aText = unless((value) => typeof value === "string", "a text")

/**
 * A value whose absence means something else: an explicit `undefined` is a mistake, which must not turn it off. Something
 * else checks all other values.
 */
export const notUndefined: Check = (value) =>
  value === undefined ? wrong("must not be undefined: leave the key out, or pass a value") : undefined

/** An object that is looked into later, such as one with a schema for each name. */
export const anObject = unless(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "an object"
)

export const aCallback = unless((value) => typeof value === "function", "a function")

export const texts: Check = unless(
  (value) => isArray(value) && value.every((one) => typeof one === "string"),
  "an array of texts"
)

export const oneOf = (...values: ReadonlyArray<string>): Check =>
  unless((value) => typeof value === "string" && values.includes(value), values.map(shown).join(" or "))

/** An object with a function of this name, such as a service. */
export const withMethod = (name: string, what: string): Check =>
  unless((value) => typeof value === "object" && value !== null && typeof Reflect.get(value, name) === "function", what)

/** Options within options. */
export const nested =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    value === undefined ? undefined : wrongFields(value, checks)
