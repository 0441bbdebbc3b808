/** Stores whose appends go through the writer of another store, over a socket. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as EventStore from "litetapes/EventStore"
import * as SharedStore from "litetapes/SharedStore"
import { Storage } from "litetapes/Storage"
import { assert } from "vitest"

type Store = EventStore.EventStore["Service"]

type OpenError = Effect.Error<ReturnType<typeof SharedStore.open>>

/** Opens a shared lib twice: the first store is the writer, the second one appends through it. */
export const openTwice = (
  storage: Storage["Service"],
  location: string,
  options: SharedStore.Options = {}
): Effect.Effect<{ readonly writer: Store; readonly caller: Store }, OpenError, Scope.Scope> =>
  Effect.gen(function* () {
    const writer = yield* SharedStore.open(location, options)
    const caller = yield* SharedStore.open(location, options)
    assert.deepStrictEqual([writer.lib.mode, caller.lib.mode], ["write", "read"])
    return { writer, caller }
  }).pipe(Effect.provideService(Storage, storage))

/**
 * Opens a store for a test that was written for one process: its appends and reads are those of the caller, and what only
 * a writer can do is done by the writer.
 */
export const openForwarded = (
  storage: Storage["Service"],
  location: string,
  options?: Parameters<typeof EventStore.open>[1]
): Effect.Effect<Store, OpenError, Scope.Scope> =>
  Effect.suspend(() => {
    const { mode, reopen: _reopen, create = "if-absent", ...others } = options ?? {}
    if (mode === "read" || create === "must")
      return Effect.provideService(EventStore.open(location, options), Storage, storage)
    return Effect.map(openTwice(storage, location, { ...others, create }), ({ caller, writer }) => ({
      ...caller,
      lib: writer.lib
    }))
  })
