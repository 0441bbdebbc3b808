/** Ways to break a storage: one promise at a time, on top of one that keeps them all. */
import * as Effect from "effect/Effect"
import { type DynamicWriter, type Root, type Storage, StorageError } from "litetapes/Storage"
import { changeRoot, type RootChange } from "../../support/changeRoot.ts"

export type Break = (base: Storage["Service"]) => Storage["Service"]

/** A broken storage, and the check that must catch it. */
export interface Mutant {
  readonly breaks: string
  readonly caughtBy: string
  readonly storage: Break
}

/** Replaces some operations of a root. State that `change` closes over lives as long as the storage. */
export const onRoot =
  (makeChange: () => (root: Root) => RootChange): Break =>
  (base) => {
    const change = makeChange()
    return {
      open: (location, mode) => Effect.map(base.open(location, mode), (root) => changeRoot(root, change(root)))
    }
  }

/** Like `onRoot`, for changes without state. */
export const always = (change: (root: Root) => RootChange): Break => onRoot(() => change)

/** Changes the writers of dynamic segments. */
export const onWriter = (change: (writer: DynamicWriter) => Partial<DynamicWriter>): Break =>
  always((root) => ({
    journal: {
      create: (n, bytes) => Effect.map(root.journal.create(n, bytes), (writer) => ({ ...writer, ...change(writer) }))
    }
  }))

export const failure = (reason: StorageError["reason"]): StorageError =>
  new StorageError({ operation: "broken", place: "here", reason, detail: "broken on purpose" })

/** Replaces failures with `reason` by `value`. */
export const instead = <A, B>(
  effect: Effect.Effect<A, StorageError>,
  reason: StorageError["reason"],
  value: B
): Effect.Effect<A | B, StorageError> =>
  Effect.catch(effect, (error) => (error.reason === reason ? Effect.succeed(value) : Effect.fail(error)))

/** Appends zeros up to the length that was asked for. */
export const padded = (bytes: Uint8Array, length: number): Uint8Array => {
  const filled = new Uint8Array(length)
  filled.set(bytes)
  return filled
}

export const joined = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(parts))
