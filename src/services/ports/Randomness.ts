/**
 * Source of the random bytes of UUIDs. It has a default, so nothing needs to be provided; a simulation provides its
 * own.
 */
import * as Context from "effect/Context"
import { randomFillSync } from "node:crypto"

/** Returns as many random bytes as asked for. Default: `crypto.randomFillSync`. */
export const Randomness = Context.Reference<(bytes: number) => Uint8Array>("litetapes/Randomness", {
  defaultValue: () => (bytes) => randomFillSync(new Uint8Array(bytes))
})
