/** What writers were told is kept, whoever they were: each receipt is compared with what is there. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TaraSON from "litetapes/TaraSON"
import { existingTape, type LibService } from "./openLib.ts"

/** Records that were acknowledged, and where they were said to be. */
export interface Kept {
  readonly by: string
  readonly tape: string
  readonly firstOrdinal: number
  readonly batch: number
  readonly records: ReadonlyArray<object>
}

/** All records of the lib's tapes of records. */
export const readTapes = Effect.fnUntraced(function* (lib: LibService) {
  const found = new Map<string, ReadonlyArray<object>>()
  for (const { name, role } of yield* lib.tapes) {
    if (role !== "records") continue
    const tape = yield* existingTape(lib, name)
    found.set(name, yield* Stream.runCollect(tape.records()))
  }
  return found
})

/** What was acknowledged and is not where it was said to be. */
export const missing = (found: ReadonlyMap<string, ReadonlyArray<object>>, kept: ReadonlyArray<Kept>): Array<string> =>
  kept.flatMap(({ by, tape, firstOrdinal, batch, records }) => {
    const there = (found.get(tape) ?? [])
      .slice(firstOrdinal, firstOrdinal + records.length)
      .map((record) => TaraSON.encode(record))
    const same = there.length === records.length && records.every((record, i) => TaraSON.encode(record) === there[i])
    return same ? [] : [`batch ${batch}, acknowledged to ${by}, is not at ${firstOrdinal} of ${tape}`]
  })

/** Everything that verify finds wrong, in words. */
export const findings = (lib: LibService) =>
  Effect.map(lib.verify(), ({ bad }) => bad.map((finding) => `verify: ${JSON.stringify(finding)}`))
