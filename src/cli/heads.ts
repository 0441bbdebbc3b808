/** Heads, as they are given on the command line. */
import * as Effect from "effect/Effect"
import * as Proof from "../domain/merkle/Proof.ts"
import { Usage } from "./errors.ts"

/** Returns the head that was encoded as `text`. */
export const headOf = (name: string, text: string): Effect.Effect<Proof.Head, Usage> =>
  Effect.try({
    try: () => Proof.decodeHead(text.trim()),
    catch: () =>
      new Usage({ message: `${name} must be a head that litetapes head printed: {"records":…,"root":…,"tape":…}.` })
  })
