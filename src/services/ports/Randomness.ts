/**
 * Where the random bytes of UUIDs come from. A reference with a default, so that nothing needs to be provided; a
 * simulation provides its own.
 */
import * as Context from "effect/Context"
import { randomFillSync } from "node:crypto"

export const Randomness = Context.Reference<(bytes: number) => Uint8Array>("litetapes/Randomness", {
  defaultValue: () => (bytes) => randomFillSync(new Uint8Array(bytes))
})
