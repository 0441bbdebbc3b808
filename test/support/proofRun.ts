/** Runs operations on a tape, and takes its head after each of them: for properties of heads and proofs. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import type * as Proof from "../../src/domain/merkle/Proof.ts"
import * as TaraSON from "../../src/domain/json/TaraSON.ts"
import { internalsOf } from "../../src/services/internals.ts"
import * as Proofs from "../../src/services/maintenance/Proofs.ts"
import { Randomness } from "../../src/services/ports/Randomness.ts"
import { type LibService, openSession, type StorageService, tapeOf } from "./openLib.ts"

type Op =
  | { readonly op: "append"; readonly sizes: ReadonlyArray<number> }
  | { readonly op: "flush" }
  | { readonly op: "reopen" }

export const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant("append" as const),
      sizes: fc.array(fc.nat(60), { minLength: 1, maxLength: 12 })
    })
  },
  { weight: 1, arbitrary: fc.constant<Op>({ op: "flush" }) },
  { weight: 1, arbitrary: fc.constant<Op>({ op: "reopen" }) }
)

export type RecordOf = (ordinal: number, size: number) => { readonly [key: string]: unknown }
export const recordOf: RecordOf = (ordinal, size) => ({ n: ordinal, text: "x".repeat(size) })

export const bytesOf = (record: unknown) => TaraSON.toBytes(TaraSON.encode(record))
const options = { closeBytes: 300, backlogMax: 2 }

/** Returns a tape as the functions under test expect it. */
export const opened = (service: LibService) =>
  Effect.gen(function* () {
    const { handle: lib } = internalsOf(service)
    return { lib, tape: yield* lib.tapes.get("orders") }
  })

/** Runs `ops` on a new lib, and takes a head before the first and after each. */
export const write = (storage: StorageService, ops: ReadonlyArray<Op>, recordAt: RecordOf) =>
  Effect.gen(function* () {
    let session = yield* openSession(storage, "place", options)
    const records: Array<unknown> = []
    const heads: Array<Proof.Head> = []
    for (const op of [{ op: "flush" } as const, ...ops]) {
      const tape = yield* tapeOf(session.lib, "orders")
      if (op.op === "append") {
        const batch = op.sizes.map((size, n) => recordAt(records.length + n, size))
        yield* tape.append(batch)
        records.push(...batch)
      } else if (op.op === "flush") {
        yield* tape.appendSegment
      } else {
        yield* session.close
        session = yield* openSession(storage, "place", options)
      }
      const at = yield* opened(session.lib)
      heads.push(yield* Proofs.head(at.lib, at.tape))
    }
    return { session, records, heads }
  })

/** Runs with ids from the test clock and fixed random bytes, so that they are equal in every run. */
export const run = (effect: Effect.Effect<void, unknown>) =>
  Effect.runPromise(
    effect.pipe(
      Effect.provideService(Randomness, (bytes) => new Uint8Array(bytes).fill(7)),
      Effect.provide([TestClock.layer(), Logger.layer([])])
    )
  )
