/** Receipts of acknowledged appends: tests compare each receipt, whoever got it, with the records of the lib. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TaraSON from "litetapes/TaraSON"
import { existingTape, type LibService } from "./openLib.ts"

/** Records that were acknowledged, and their place according to the receipt. */
export interface Kept {
  readonly by: string
  readonly tape: string
  readonly firstOrdinal: number
  readonly batch: number
  readonly records: ReadonlyArray<object>
}

/** Reads all records of the lib's tapes of records. */
export const readTapes = Effect.fnUntraced(function* (lib: LibService) {
  const found = new Map<string, ReadonlyArray<object>>()
  for (const { name, role } of yield* lib.tapes) {
    if (role !== "records") continue
    const tape = yield* existingTape(lib, name)
    found.set(name, yield* Stream.runCollect(tape.records()))
  }
  return found
})

/** Returns the acknowledged records that are not in their place. */
export const missing = (found: ReadonlyMap<string, ReadonlyArray<object>>, kept: ReadonlyArray<Kept>): Array<string> =>
  kept.flatMap(({ by, tape, firstOrdinal, batch, records }) => {
    const there = (found.get(tape) ?? [])
      .slice(firstOrdinal, firstOrdinal + records.length)
      .map((record) => TaraSON.encode(record))
    const same = there.length === records.length && records.every((record, i) => TaraSON.encode(record) === there[i])
    return same ? [] : [`batch ${batch}, acknowledged to ${by}, is not at ${firstOrdinal} of ${tape}`]
  })

/** Returns all findings of verify, as texts. */
export const findings = (lib: LibService) =>
  Effect.map(lib.verify(), ({ bad }) => bad.map((finding) => `verify: ${JSON.stringify(finding)}`))
