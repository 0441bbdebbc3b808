import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import { type Root, Storage, type StorageError } from "litetapes/Storage"
import * as Tape from "litetapes/Tape"
import type { Probe } from "../../support/probedStorage.ts"

export type Store = EventStore.EventStore["Service"]

type OpenError = Effect.Error<ReturnType<typeof EventStore.open>>

/** The place of one test's lib. */
export interface Place {
  readonly probe: Probe
  readonly open: (options?: Lib.Options) => Effect.Effect<Store, OpenError, Scope.Scope>
  /** Opens the lib, uses it and closes it. */
  readonly use: <A, E>(
    body: (store: Store) => Effect.Effect<A, E, Scope.Scope>,
    options?: Lib.Options
  ) => Effect.Effect<A, E | OpenError>
  /** Uses the files of a closed lib. */
  readonly files: <A, E>(body: (root: Root) => Effect.Effect<A, E>) => Effect.Effect<A, E | StorageError>
}

export type Test = (title: string, body: (place: Place) => Effect.Effect<void, unknown, Scope.Scope>) => void

/** One part of the contract: registers its tests. */
export type Contract = (test: Test) => void

export const placeAt = (probe: Probe, location: string): Place => {
  const open = (options?: Lib.Options) =>
    Effect.provideService(EventStore.open(location, options), Storage, probe.storage)
  return {
    probe,
    open,
    use: (body, options) => Effect.scoped(Effect.flatMap(open(options), body)),
    files: (body) => Effect.scoped(Effect.flatMap(probe.storage.open(location, "write"), body))
  }
}

export const all = <A, E>(stream: Stream.Stream<A, E>): Effect.Effect<ReadonlyArray<A>, E> => Stream.runCollect(stream)

/** Returns the data of the events, which the tests use to tell events apart. */
export const dataOf = <E>(stream: Stream.Stream<EventStore.RecordedEvent, E>): Effect.Effect<Array<unknown>, E> =>
  Effect.map(Stream.runCollect(stream), (events) => events.map(({ data }) => data))

/** Returns events with the data `from`, `from + 1` and so on. */
export const numbered = (count: number, from = 0): Array<EventStore.NewEvent> =>
  Array.from({ length: count }, (_, i) => ({ type: "Counted", data: from + i }))

export const numbers = (count: number, from = 0): Array<number> => Array.from({ length: count }, (_, i) => from + i)

export const tapeOf = (store: Store, name: string) => Effect.provideService(Tape.make(name), Lib.Lib, store.lib)

/** Flushes a tape into a segment. */
export const flush = (store: Store, name: string) => Effect.flatMap(tapeOf(store, name), (tape) => tape.appendSegment)

export const tapeNames = (store: Store) => Effect.map(store.lib.tapes, (tapes) => tapes.map(({ name }) => name))

/** Returns the error's values of the keys in `like`. */
export const failing = Effect.fnUntraced(function* <A, E extends object, R>(
  effect: Effect.Effect<A, E, R>,
  like: { readonly [key: string]: unknown }
) {
  const error = (yield* Effect.flip(effect)) as { readonly [key: string]: unknown }
  return Object.fromEntries(Object.keys(like).map((key) => [key, error[key]]))
})

/** A point at which fibres wait until it is opened, at the latest when the scope closes. */
export const gate = Effect.gen(function* () {
  const reached = yield* Deferred.make<void>()
  const opened = yield* Deferred.make<void>()
  const open = Deferred.succeed(opened, undefined)
  yield* Effect.addFinalizer(() => open)
  return {
    reached: Deferred.await(reached),
    open,
    pass: Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(opened))
  }
})
