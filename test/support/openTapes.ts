/** Tapes in use, without a lib around them: what the classes that only count their records need of one. */
import type { LivePart } from "../../src/services/journal/DynamicFile.ts"
import type { OpenTape } from "../../src/services/lib/OpenTape.ts"

/** A tape whose segments have `records` records. It has no meta: nothing can be read or flushed. */
export const bareTape = (id: string, records = 0): OpenTape => {
  const parts: Array<LivePart> = []
  const tape: Pick<OpenTape, "generation" | "id" | "parts" | "records"> = {
    id,
    parts,
    generation: 0,
    get records() {
      const last = parts.at(-1)
      return last === undefined ? records : last.firstOrdinal + last.count
    }
  }
  return tape as OpenTape
}
