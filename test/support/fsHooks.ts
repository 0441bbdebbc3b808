/** Puts something in front of a call of `node:fs`, for what happens between two steps of this process. */
import * as Effect from "effect/Effect"
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"

/** Runs `effect` while `before` is called in front of each `fs.openSync`, with its path. */
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

/** Runs `effect` while a function of `node:fs` is another one. */
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
