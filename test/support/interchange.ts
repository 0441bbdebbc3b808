/** Imports into libs in memory and exports from them. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Interchange from "litetapes/Interchange"
import * as MemoryStorage from "litetapes/MemoryStorage"
import type * as Scope from "effect/Scope"
import { Storage } from "litetapes/Storage"

export type Store = EventStore.EventStore["Service"]

/** Opens a lib in memory that was empty. */
export const newStore: Effect.Effect<Store, unknown, Scope.Scope> = Effect.gen(function* () {
  const storage = yield* MemoryStorage.make
  return yield* Effect.provideService(EventStore.open("lib"), Storage, storage)
})

export const exported = (store: Store, options?: Interchange.ExportOptions) =>
  Effect.provideService(Stream.runCollect(Interchange.exportLines(options)), EventStore.EventStore, store)

/** Imports lines of which each is a piece of its own. */
export const imported = (store: Store, lines: ReadonlyArray<string>, options?: Interchange.ImportOptions) =>
  Effect.provideService(Interchange.importLines(Stream.fromIterable(lines), options), EventStore.EventStore, store)

/** Imports the bytes of a file, in these pieces. */
export const importedBytes = (store: Store, pieces: ReadonlyArray<Uint8Array>, options?: Interchange.ImportOptions) =>
  Effect.provideService(Interchange.importBytes(Stream.fromIterable(pieces), options), EventStore.EventStore, store)

/** Returns the events of a lib. */
export const eventsOf = (store: Store) => Stream.runCollect(store.readAll())
