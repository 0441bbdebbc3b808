/** Placements, as they are given on the command line. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Placement } from "../domain/format/Placement.ts"
import { Usage } from "./errors.ts"

/** Returns the placement with this name, as an option of a call; nothing if it is not given. */
export const placementOption = (
  text: Option.Option<string>
): Effect.Effect<{ readonly placement?: Placement }, Usage> => {
  if (Option.isNone(text)) return Effect.succeed({})
  const [, kind, tapes] = /^(category-or-shared|category|stream|single|hashed)(?::(\d+))?$/.exec(text.value) ?? []
  const isHashed = kind === "hashed"
  if (kind === undefined || isHashed !== (tapes !== undefined)) {
    return Effect.fail(
      new Usage({
        message: `--placement must be category-or-shared, category, stream, single, or hashed:N for N tapes, not ${JSON.stringify(text.value)}.`
      })
    )
  }
  // The lib checks the number of tapes.
  return Effect.succeed({
    placement: (isHashed ? { kind: "hashed", tapes: Number(tapes) } : { kind }) as Placement
  })
}
