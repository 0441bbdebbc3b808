/** Checkpoints in memory, for tests: they last as long as the store. */
import * as Effect from "effect/Effect"
import type { CheckpointStore } from "../../services/ports/CheckpointStore.ts"
import { Claims } from "./claims.ts"

/** The texts of all consumers: by consumer, then by key. */
type Texts = Map<string, Map<string, string>>

const stores = new WeakMap<Texts, CheckpointStore["Service"]>()

/** Returns the one store over these texts, which knows the names that are claimed. */
export const memoryOf = (all: Texts): CheckpointStore["Service"] => {
  const store = stores.get(all) ?? makeMemory(all)
  stores.set(all, store)
  return store
}

export const makeMemory = (all: Texts = new Map()): CheckpointStore["Service"] => {
  const claims = new Claims()
  return {
    claim: (consumer, onClaimed) =>
      Effect.map(claims.claim(consumer, "memory", onClaimed), () => {
        const kept = all.get(consumer) ?? new Map<string, string>()
        all.set(consumer, kept)
        return {
          place: "memory",
          get: (key) => Effect.sync(() => kept.get(key)),
          set: (key, text) => Effect.asVoid(Effect.sync(() => kept.set(key, text))),
          remove: (key) => Effect.asVoid(Effect.sync(() => kept.delete(key))),
          keys: Effect.sync(() => [...kept.keys()])
        }
      })
  }
}
