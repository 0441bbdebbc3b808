/** Warns of a lib with so many event tapes that each of them is a cost. */
import * as Effect from "effect/Effect"
import type { LibState } from "../../domain/meta/LibState.ts"
import type { Role } from "../../domain/meta/SystemRecord.ts"
import type { Warning } from "../ports/Storage.ts"

/** Number of event tapes from which on a lib is warned of. */
const eventTapesMany = 1000

/** Returns the warning for a lib with this many event tapes; none if they are few. */
export const warnOfTapes = (location: string, tapes: number): ReadonlyArray<Warning> => {
  if (tapes < eventTapesMany) return []
  const why = `it has ${tapes} event tapes. Opening a reader, closing, and reading all events take longer with each of them. lib.copy makes a lib of the same events with fewer tapes: with placement category-or-shared, hashed or single.`
  return [{ place: location, why }]
}

/** Returns the number of event tapes that a lib lists. */
export const eventTapesOf = (state: LibState): number => {
  let count = 0
  for (const { role } of state.tapes.values()) if (role === "events") count++
  return count
}

export const logWarning = ({ place, why }: Warning): Effect.Effect<void> =>
  Effect.logWarning(`litetapes: ${place}: ${why}`)

/** Counts event tapes while they are created, and logs the warning once. */
export class EventTapeCount {
  readonly #location: string
  #count: number

  constructor(location: string, state: LibState) {
    this.#location = location
    this.#count = eventTapesOf(state)
  }

  /** Counts a tape that was created. */
  created(role: Role): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (role !== "events") return Effect.void
      this.#count++
      if (this.#count !== eventTapesMany) return Effect.void
      return Effect.forEach(warnOfTapes(this.#location, this.#count), logWarning, { discard: true })
    })
  }
}
