/** A word that tests store everywhere, and then search for in every error, report and log line. */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { inspect } from "node:util"

// Short, because V8 quotes only ten characters of a text that is not JSON.
export const canary = "Kanarie"
/** The word for keys: an error may tell the caller which key of the record is wrong, but a log may not contain it. */
export const canaryKey = "Wellens"

/** Returns every form in which an error or a report may appear in a log. */
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

/** Collects the log messages of `effect`. */
export const logging = <A, E, R>(effect: Effect.Effect<A, E, R>, logged: Array<string>) => {
  const logger = Logger.make(({ cause, logLevel, message }) => {
    logged.push(`${logLevel} ${told(message)} ${Cause.pretty(cause)}`)
  })
  return Effect.provide(effect, Logger.layer([logger]))
}

export const holdsNothing = (text: string, words: ReadonlyArray<string>, of: string): void => {
  for (const word of words) if (text.includes(word)) assert.fail(`${of} says ${word}: ${text.slice(0, 2000)}`)
}
