/**
 * What one location holds in memory, and one opening of it.
 */
import * as Effect from "effect/Effect"
import { StorageError } from "../../services/ports/Storage.ts"
import type { GrowableBuffer } from "./GrowableBuffer.ts"
import { type Reason, storageError } from "../storage/storageErrors.ts"

export interface Tape {
  meta: Uint8Array | undefined
  readonly segments: Map<string, Uint8Array>
  /** By `<kind>/<name>`. */
  readonly derived: Map<string, Uint8Array>
}

export interface Lib {
  locked: boolean
  meta: Uint8Array | undefined
  hint: Uint8Array | undefined
  readonly tapes: Map<string, Tape>
  readonly dynamics: Map<number, GrowableBuffer>
  /** Derived from the lib as a whole, by `<kind>/<name>`. */
  readonly derived: Map<string, Uint8Array>
  readonly quarantine: Map<string, Uint8Array>
}

/** One opening of a location. */
export interface Session {
  readonly lib: Lib
  readonly location: string
  readonly mode: "write" | "read"
  closed: boolean
}

export const makeLib = (): Lib => ({
  locked: false,
  meta: undefined,
  hint: undefined,
  tapes: new Map(),
  dynamics: new Map(),
  derived: new Map(),
  quarantine: new Map()
})

export const makeTape = (meta: Uint8Array): Tape => ({ meta, segments: new Map(), derived: new Map() })

/** Ends the operation that runs, with an error; caught by `operation`. */
export const refuse = (session: Session, operation: string, name: string, reason: Reason, detail = ""): never => {
  throw storageError(operation, `${session.location}/${name}`, reason, detail)
}

/** One synchronous step. What it throws as `StorageError` is its failure, anything else a defect. */
export const step = <A>(
  session: Session,
  operation: string,
  kind: "read" | "write",
  run: () => A
): Effect.Effect<A, StorageError> =>
  Effect.suspend(() => {
    try {
      if (kind === "write" && session.mode === "read") refuse(session, operation, "", "read-only", "opened for reading")
      if (session.closed) refuse(session, operation, "", "failed", "closed")
      return Effect.succeed(run())
    } catch (cause) {
      return cause instanceof StorageError ? Effect.fail(cause) : Effect.die(cause)
    }
  })
