/** A word that is put into everything that is stored, and looked for in everything that is told. */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { inspect } from "node:util"

// Short: what V8 quotes of a text that is no JSON is ten characters.
export const canary = "Kanarie"
/** … and one that stands in keys: a caller is told where in his record something is wrong, a log is not. */
export const canaryKey = "Wellens"

/** Every way in which an error, or what a report says, may get into a log. */
export const told = (value: unknown): string =>
  [
    String(value),
    inspect(value, { depth: 20 }),
    safeJson(value),
    value instanceof Error ? `${value.message} ${value.stack}` : ""
  ].join("\n")

const safeJson = (value: unknown): string => {
  try {
    return JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? String(one) : one)) ?? ""
  } catch {
    return ""
  }
}

/** Collects what is logged while `effect` runs. */
export const logging = <A, E, R>(effect: Effect.Effect<A, E, R>, logged: Array<string>) => {
  const logger = Logger.make(({ cause, logLevel, message }) => {
    logged.push(`${logLevel} ${told(message)} ${Cause.pretty(cause)}`)
  })
  return Effect.provide(effect, Logger.layer([logger]))
}

export const holdsNothing = (text: string, words: ReadonlyArray<string>, of: string): void => {
  for (const word of words) if (text.includes(word)) assert.fail(`${of} says ${word}: ${text.slice(0, 2000)}`)
}
