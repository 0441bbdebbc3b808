/** Writers as fibres, as in an application that uses Effect. */
import * as Effect from "effect/Effect"
import type { Addressed, Store } from "./peer.ts"

/** Returns `Store.writers` for an append that is an effect. */
export const fibreWriters = <E, R>(
  append: (asked: Addressed) => Effect.Effect<unknown, E, R>,
  run: <A>(effect: Effect.Effect<A, E, R>) => Promise<A>
): NonNullable<Store["writers"]> => {
  return (count, next, acknowledged) => {
    const writer = (n: number) =>
      Effect.gen(function* () {
        for (let asked = next(n); asked !== undefined; asked = next(n)) {
          yield* append(asked)
          acknowledged(n)
        }
      })
    const numbers = Array.from({ length: count }, (_, n) => n)
    return run(Effect.forEach(numbers, writer, { concurrency: "unbounded", discard: true }))
  }
}
