/** Collects uncaught exceptions, which would otherwise end the process. */
import * as Effect from "effect/Effect"

const event = "uncaughtException"

/** Runs `effect`; `thrown` are the uncaught exceptions meanwhile. */
export const uncaught = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<{ readonly result: A; readonly thrown: ReadonlyArray<Error> }, E, R> =>
  Effect.suspend(() => {
    const thrown: Array<Error> = []
    const others = process.listeners(event)
    const listen = (error: Error): void => void thrown.push(error)
    process.removeAllListeners(event)
    process.on(event, listen)
    return Effect.ensuring(
      Effect.map(effect, (result) => ({ result, thrown })),
      Effect.sync(() => {
        process.off(event, listen)
        for (const other of others) process.on(event, other)
      })
    )
  })
