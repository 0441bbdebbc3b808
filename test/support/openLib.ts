/** Opens libs over a storage that a test controls. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { Storage } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import { checkedTag } from "./messages.ts"

export type StorageService = Storage["Service"]
export type LibService = Lib.Lib["Service"]

/** A kind of storage that suites run against. */
export interface Kind {
  readonly name: string
  /** A storage that contains at most what other tests wrote to other places. */
  readonly storage: Effect.Effect<StorageService>
  /** Returns a place that was never used before. */
  readonly place: () => string
  /** Tests that cut a file everywhere cut it at every `step`-th byte: more than 1 if each cut costs syncs. */
  readonly step: number
}

/** Opens a lib, uses it, and closes it. */
export const withLib = <A, E>(
  storage: StorageService,
  place: string,
  use: (lib: LibService) => Effect.Effect<A, E, Lib.Lib | Scope.Scope>,
  options: Lib.Options = {}
): Effect.Effect<A, E | Effect.Error<ReturnType<typeof Lib.open>>> =>
  Effect.scoped(Effect.flatMap(Lib.open(place, options), (lib) => Effect.provideService(use(lib), Lib.Lib, lib))).pipe(
    Effect.provideService(Storage, storage)
  )

/** A lib that stays open until `close` runs. */
export interface Session {
  readonly lib: LibService
  readonly close: Effect.Effect<void>
}

/** Opens a lib with a scope that the caller closes. */
export const openSession = (storage: StorageService, place: string, options: Lib.Options = {}) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const lib = yield* Lib.open(place, options).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provideService(Storage, storage),
      Effect.onError((cause: Cause.Cause<unknown>) => Scope.close(scope, Exit.failCause(cause)))
    )
    return { lib, close: Scope.close(scope, Exit.void) } satisfies Session
  })

/** Returns the tape of that name, and creates it if necessary. */
export const tapeOf = (lib: LibService, name: string) => Effect.provideService(Tape.makeOrCreate(name), Lib.Lib, lib)

/** Flushes a tape into a segment. */
export const flush = (lib: LibService, name: string) =>
  Effect.flatMap(existingTape(lib, name), (tape) => tape.appendSegment)

/** Returns the tape of that name, which must exist. */
export const existingTape = (lib: LibService, name: string) => Effect.provideService(Tape.make(name), Lib.Lib, lib)

/** Returns all records of a tape, in order. */
export const recordsOf = (lib: LibService, name: string, range?: Tape.RecordRange) =>
  Effect.flatMap(existingTape(lib, name), (tape) => Stream.runCollect(tape.records(range)))

/** Returns the tag of the error that `effect` fails with. */
export const tagOf = <A, E extends { readonly _tag: string }, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<string, A, R> => Effect.map(Effect.flip(effect), checkedTag)

/** Returns the tags of the errors that these effects fail with, one after the other. */
export const tagsOf = (
  effects: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>>
): Effect.Effect<ReadonlyArray<string>, unknown> => Effect.forEach(effects, (effect) => tagOf(effect))

/**
 * Lets other fibres run until each of them waits for the disk or has ended. Loads first what they may use: how many turns
 * a module takes to load depends on how busy the machine is.
 */
export const settle: Effect.Effect<void> = Effect.andThen(
  Lib.preload,
  Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true })
)

/** Returns the event store of an open lib. */
export const storeOf = (lib: LibService) => Effect.provideService(EventStore.make, Lib.Lib, lib)

/** Opens a lib with its event store, until `close` runs or the test ends. */
export const openStore = (storage: StorageService, options: Lib.Options = {}, place = "lib") =>
  Effect.gen(function* () {
    const { close, lib } = yield* openSession(storage, place, options)
    yield* Effect.addFinalizer(() => close)
    return { close, lib, store: yield* storeOf(lib) }
  })

/** Opens a new lib in memory with its event store, until `close` runs or the test ends. */
export const openInMemory = (options: Lib.Options = {}) =>
  Effect.gen(function* () {
    const storage = yield* MemoryStorage.make
    return { storage, ...(yield* openStore(storage, options)) }
  })
