/** Wraps calls of `node:fs`, for events between two steps of this process. */
import * as Effect from "effect/Effect"
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"

/** Runs `effect`, and calls `before` with the path before each `fs.openSync`. */
export const beforeOpens = <A, E, R>(
  before: (path: string) => void,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const { openSync } = fs
  const hooked: typeof openSync = (at, ...rest) => {
    before(String(at))
    return openSync(at, ...rest)
  }
  return replaced("openSync", hooked, effect)
}

/** Runs `effect` with a function of `node:fs` replaced. */
export const replaced = <Name extends keyof typeof fs, A, E, R>(
  name: Name,
  by: (typeof fs)[Name],
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const original = fs[name]
  const put = (value: (typeof fs)[Name]) =>
    Effect.sync(() => {
      fs[name] = value
      syncBuiltinESMExports()
    })
  return Effect.acquireUseRelease(
    put(by),
    () => effect,
    () => put(original)
  )
}
