/** Parts of the library that are loaded when they are first used, so that opening a lib does not wait for them. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/**
 * Returns the function `name` of a module that is loaded, once, when an effect of the function first runs. `load` must
 * be a literal `import("…")`, so that bundlers make a chunk of the module. The file belongs to this package: if it cannot
 * be loaded, that is a defect.
 */
export const lazy = <M extends Record<K, Operation>, K extends string>(load: () => Promise<M>, name: K): M[K] => {
  const module = once(load)
  const operation: Operation = (...given) => Effect.flatMap(module, (its) => its[name](...given))
  return operation as M[K]
}

/** Does the same for a function that returns a stream. */
export const lazyStream = <M extends Record<K, StreamOperation>, K extends string>(
  load: () => Promise<M>,
  name: K
): M[K] => {
  const module = once(load)
  const operation: StreamOperation = (...given) => Stream.unwrap(Effect.map(module, (its) => its[name](...given)))
  return operation as M[K]
}

/** Every module that is loaded on demand. */
const onDemand: Array<Effect.Effect<unknown>> = []

/** Loads every module that would be loaded when it is first used. Does nothing the second time. */
export const loadAll: Effect.Effect<void> = Effect.gen(function* () {
  // A module that is loaded may add some.
  for (let n = 0; n < onDemand.length; n++) yield* onDemand[n]!
})

const once = <M>(load: () => Promise<M>): Effect.Effect<M> => {
  let loaded: M | undefined
  const module = Effect.suspend(() =>
    loaded === undefined ? Effect.map(Effect.promise(load), (its) => (loaded = its)) : Effect.succeed(loaded)
  )
  onDemand.push(module)
  return module
}

type StreamOperation = (...given: ReadonlyArray<never>) => Stream.Stream<unknown, unknown, unknown>

type Operation = (...given: ReadonlyArray<never>) => Effect.Effect<unknown, unknown, unknown>
