/** Tapes in use, without a lib around them: what the classes that only count their records need of one. */
import type { TapeState } from "../../src/domain/meta/TapeState.ts"
import { OpenTape, type TapeView } from "../../src/services/lib/OpenTape.ts"
import type { TapeMetaContext } from "../../src/services/lib/TapeMeta.ts"

const viewOf = (id: string, records: number): TapeView => ({
  meta: { state: { tape: id, records, segments: [] } as unknown as TapeState, version: "", end: null },
  parts: [],
  hidden: 0
})

/** A tape whose segments have `records` records. It has no meta file: nothing can be read or flushed. */
export const bareTape = (id: string, records = 0): OpenTape =>
  new OpenTape(id, {} as TapeMetaContext, viewOf(id, records))

/** Lets a tape be recovered: what was known of its streams is not true any more. */
export const recoverBare = (tape: OpenTape): void =>
  tape.become({ ...viewOf(tape.id, tape.records), parts: tape.parts })
