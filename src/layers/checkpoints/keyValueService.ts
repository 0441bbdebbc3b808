/** The `KeyValueStore` of a program. Its module loads schemas, so it is loaded when it is first used. */
import * as Effect from "effect/Effect"
import * as KeyValueStore from "effect/persistence/KeyValueStore"

/** Returns the `KeyValueStore` of the program. */
export const programKeyValueStore = (): Effect.Effect<
  KeyValueStore.KeyValueStore,
  never,
  KeyValueStore.KeyValueStore
> => Effect.service(KeyValueStore.KeyValueStore)
