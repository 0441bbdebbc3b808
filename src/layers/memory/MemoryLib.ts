/**
 * The contents of one location in memory, and one opening of it.
 */
import * as Effect from "effect/Effect"
import { StorageError } from "../../services/ports/Storage.ts"
import type { GrowableBuffer } from "./GrowableBuffer.ts"
import type { RunningVersion } from "../storage/metaVersion.ts"
import { type Reason, storageError } from "../storage/storageErrors.ts"

export interface Tape {
  meta: Uint8Array | undefined
  readonly segments: Map<string, Uint8Array>
  /** By `<kind>/<name>`. */
  readonly derived: Map<string, Uint8Array>
}

export interface Lib {
  /** When the writer opened it, in milliseconds since 1970; `undefined` without a writer. */
  lockedSince: number | undefined
  meta: Uint8Array | undefined
  /** Meta as the last append left it, with its version. */
  grown: { readonly bytes: Uint8Array; readonly running: RunningVersion } | undefined
  hint: Uint8Array | undefined
  /** Called after each change of the hint. */
  readonly watchers: Set<() => void>
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
  lockedSince: undefined,
  meta: undefined,
  grown: undefined,
  hint: undefined,
  watchers: new Set(),
  tapes: new Map(),
  dynamics: new Map(),
  derived: new Map(),
  quarantine: new Map()
})

export const makeTape = (meta: Uint8Array): Tape => ({ meta, segments: new Map(), derived: new Map() })

/** Ends the operation that runs with an error, which `step` catches. */
export const refuse = (session: Session, operation: string, name: string, reason: Reason, detail = ""): never => {
  throw storageError(operation, `${session.location}/${name}`, reason, detail)
}

/** Runs one synchronous step. If it throws a `StorageError`, it fails with that; anything else is a defect. */
export const step = <A>(
  session: Session,
  operation: string,
  kind: "read" | "write",
  run: () => A
): Effect.Effect<A, StorageError> =>
  Effect.suspend(() => {
    try {
      if (kind === "write" && session.mode === "read")
        refuse(session, operation, "", "read-only", "it was opened for reading")
      if (session.closed) refuse(session, operation, "", "failed", "it is closed")
      return Effect.succeed(run())
    } catch (cause) {
      return cause instanceof StorageError ? Effect.fail(cause) : Effect.die(cause)
    }
  })
