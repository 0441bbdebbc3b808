/** Checkpoints in memory, for tests: they last as long as the store. */
import * as Effect from "effect/Effect"
import type { CheckpointStore } from "../../services/ports/CheckpointStore.ts"
import { Claims } from "./claims.ts"

export const makeMemory = (): CheckpointStore["Service"] => {
  const claims = new Claims()
  const all = new Map<string, Map<string, string>>()
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
