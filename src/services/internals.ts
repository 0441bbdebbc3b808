/**
 * Internals of an open lib, for the services of this package but not for its users. They change when the lib is opened
 * again, so a service looks them up in each call and keeps none.
 */
import { invariant } from "../domain/base/invariant.ts"
import type * as LibAccess from "./lib/Access.ts"
import type { LibHandle } from "./lib/LibHandle.ts"
import type { Writer } from "./write/Writer.ts"

export interface Internals {
  readonly handle: LibHandle
  /** `undefined` in a reader. */
  readonly writer: Writer | undefined
  /** Whether a writer in another process appends for this reader. Default: false. */
  readonly forwards?: boolean
}

/** Looks up the internals of a lib. */
export type Access = LibAccess.Access<Internals>

const known = new WeakMap<object, Access>()

export const register = (lib: object, access: Access): void => {
  known.set(lib, access)
}

/** Returns access to the internals of a lib; `undefined` if a program has put an object of its own around it. */
export const findAccess = (lib: object): Access | undefined => known.get(lib)

/** Returns access to the internals of a lib. */
export const accessOf = (lib: object): Access => {
  const access = findAccess(lib)
  invariant(access !== undefined, "a Lib comes from Lib.open")
  return access
}

export const internalsOf = (lib: object): Internals => accessOf(lib).current
