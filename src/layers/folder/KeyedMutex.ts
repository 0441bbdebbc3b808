/**
 * Runs effects one at a time for each key, in the order in which they arrive. Waiting can be interrupted.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

export type KeyedMutex = <A, E, R>(key: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const make = (): KeyedMutex => {
  const queues = new Map<string, { readonly semaphore: Semaphore.Semaphore; users: number }>()
  return (key, effect) =>
    Effect.suspend(() => {
      const queue = queues.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
      queues.set(key, queue)
      queue.users += 1
      return Effect.ensuring(
        queue.semaphore.withPermit(effect),
        Effect.sync(() => {
          queue.users -= 1
          if (queue.users === 0) queues.delete(key)
        })
      )
    })
}
