/** Internals of an open lib, for the services of this package but not for its users. */
import { invariant } from "../domain/base/invariant.ts"
import type { LibHandle } from "./lib/LibHandle.ts"
import type { Writer } from "./write/Writer.ts"

export interface Internals {
  readonly handle: LibHandle
  /** `undefined` in a reader. */
  readonly writer: Writer | undefined
}

const known = new WeakMap<object, Internals>()

export const register = (lib: object, internals: Internals): void => {
  known.set(lib, internals)
}

export const internalsOf = (lib: object): Internals => {
  const internals = known.get(lib)
  invariant(internals !== undefined, "a Lib comes from Lib.open")
  return internals
}
