/**
 * How checks compare. A difference is thrown, not failed with: a comparison that somebody forgets to yield would
 * otherwise never run. `Conformance` turns it into a typed failure.
 */
import * as Effect from "effect/Effect"
import type { StorageError } from "../../../services/ports/Storage.ts"
import { show } from "./show.ts"

/** A comparison that found a difference. */
export class Unmet extends Error {
  readonly what: string
  readonly expected: string
  readonly actual: string

  constructor(what: string, expected: string, actual: string) {
    super(`${what}: expected ${expected}, got ${actual}`)
    this.what = what
    this.expected = expected
    this.actual = actual
  }
}

/** Throws unless `actual` deeply equals `expected`. Bytes are compared as bytes, whatever their class is. */
export const same = (what: string, actual: unknown, expected: unknown): void => {
  if (!isSame(actual, expected)) throw new Unmet(what, show(expected), show(actual, expected))
}

/** Throws unless `actual` is one of `expected`. */
export const oneOf = (what: string, actual: unknown, expected: ReadonlyArray<unknown>): void => {
  if (!expected.some((one) => isSame(actual, one))) {
    throw new Unmet(what, `one of ${expected.map((one) => show(one)).join(", ")}`, show(actual))
  }
}

/** Throws unless `effect` fails with this reason. */
export const refused = <A, R>(
  what: string,
  effect: Effect.Effect<A, StorageError, R>,
  reason: StorageError["reason"]
): Effect.Effect<void, never, R> =>
  Effect.match(effect, {
    onFailure: (error) => same(`why it refuses: ${what}`, error?.reason, reason),
    onSuccess: (value) => {
      throw new Unmet(what, `it is refused: ${reason}`, value === undefined ? "success" : `success, ${show(value)}`)
    }
  })

/** Throws unless `effect` fails with an error of this tag. */
export const failing = <A, E extends { readonly _tag: string }, R>(
  what: string,
  effect: Effect.Effect<A, E, R>,
  tag: E["_tag"]
): Effect.Effect<void, never, R> =>
  Effect.match(effect, {
    onFailure: (error) => same(`how it fails: ${what}`, error._tag, tag),
    onSuccess: () => {
      throw new Unmet(what, `it fails: ${tag}`, "success")
    }
  })

const isSame = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  const inA = a as { readonly [key: string]: unknown }
  const inB = b as { readonly [key: string]: unknown }
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSame(inA[key], inB[key]))
  )
}
