import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Root, Storage, type StorageError } from "../../../src/services/ports/Storage.ts"

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const text = (read: Uint8Array | undefined): string | undefined =>
  read === undefined ? undefined : new TextDecoder().decode(read)

export const open = (
  location: string,
  mode: "write" | "read" | "recover" = "write"
): Effect.Effect<Root, StorageError, Storage | Scope.Scope> =>
  Effect.flatMap(Storage, (storage) => storage.open(location, mode))

/** Opens a lib that has its meta and one tape. */
export const openLib = (location: string): Effect.Effect<Root, StorageError, Storage | Scope.Scope> =>
  Effect.tap(open(location), (root) =>
    Effect.andThen(root.meta.replace(undefined, undefined, bytes("lib\n")), root.tapes.create("order", bytes("tape\n")))
  )

/** Returns the reason for which `effect` fails. */
export const reasonOf = <A, R>(effect: Effect.Effect<A, StorageError, R>): Effect.Effect<string, A, R> =>
  Effect.map(Effect.flip(effect), (error) => error.reason)
