/** Tapes without a lib around them, for classes that only need the number of their records. */
import type { TapeState } from "../../src/domain/meta/TapeState.ts"
import { OpenTape, type TapeView } from "../../src/services/lib/OpenTape.ts"
import type { TapeMetaContext } from "../../src/services/lib/TapeMeta.ts"

const viewOf = (id: string, records: number): TapeView => ({
  meta: { state: { tape: id, records, segments: [] } as unknown as TapeState, version: "", end: null },
  parts: [],
  hidden: 0
})

/** A tape whose segments have `records` records. It has no meta file, so nothing can be read or flushed. */
export const bareTape = (id: string, records = 0): OpenTape =>
  new OpenTape(id, {} as TapeMetaContext, viewOf(id, records))

/** Replaces the tape as a recovery does: what was known about its streams no longer holds. */
export const recoverBare = (tape: OpenTape): void =>
  tape.become({ ...viewOf(tape.id, tape.records), parts: tape.parts })
