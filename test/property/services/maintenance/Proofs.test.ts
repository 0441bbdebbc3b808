/** Heads and proofs of tapes that live: written, flushed, closed, opened again, read beside their writer, tampered with. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import * as MemoryStorage from "litetapes/MemoryStorage"
import { assert, describe, it } from "vitest"
import * as Proof from "../../../../src/domain/merkle/Proof.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { internalsOf } from "../../../../src/services/internals.ts"
import * as Proofs from "../../../../src/services/maintenance/Proofs.ts"
import { Randomness } from "../../../../src/services/ports/Randomness.ts"
import { type LibService, openSession, type StorageService, tapeOf } from "../../../support/openLib.ts"
import { leavesOf } from "../../../support/rfc9162.ts"
import { runs } from "../../../support/runs.ts"

type Op =
  | { readonly op: "append"; readonly sizes: ReadonlyArray<number> }
  | { readonly op: "flush" }
  | { readonly op: "reopen" }

const op: fc.Arbitrary<Op> = fc.oneof(
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

type RecordOf = (ordinal: number, size: number) => { readonly [key: string]: unknown }
const recordOf: RecordOf = (ordinal, size) => ({ n: ordinal, text: "x".repeat(size) })

const bytesOf = (record: unknown) => TaraSON.toBytes(TaraSON.encode(record))
const stored = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A
const options = { closeBytes: 300, backlogMax: 2 }

/** A tape, as the functions under test are given it. */
const opened = (service: LibService) =>
  Effect.gen(function* () {
    const { handle: lib } = internalsOf(service)
    return { lib, tape: yield* lib.tapes.get("orders") }
  })

/** Runs `ops` on a new lib, and takes a head before the first and after each. */
const write = (storage: StorageService, ops: ReadonlyArray<Op>, recordAt: RecordOf) =>
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

/** Ids come from the clock and from here: equal in every run. */
const run = (effect: Effect.Effect<void, unknown>) =>
  Effect.runPromise(
    effect.pipe(
      Effect.provideService(Randomness, (bytes) => new Uint8Array(bytes).fill(7)),
      Effect.provide([TestClock.layer(), Logger.layer([])])
    )
  )

describe("heads and proofs of a tape", { timeout: 60_000 + 1000 * runs }, () => {
  it("are those of its logical stream, wherever its records are, for its writer and for a reader", async () => {
    const property = fc.asyncProperty(fc.array(op, { maxLength: 10 }), fc.nat(), fc.nat(), (ops, a, b) =>
      run(
        Effect.gen(function* () {
          const storage = yield* MemoryStorage.make
          const { session, records, heads } = yield* write(storage, ops, recordOf)
          const leaves = leavesOf(records.map(bytesOf))
          for (const head of heads) assert.strictEqual(head.root, leaves.root(0, head.records))
          const last = heads.at(-1)!
          assert.strictEqual(last.records, records.length)
          const reader = yield* openSession(storage, "place", { mode: "read" })
          for (const service of [session.lib, reader.lib]) {
            const { lib, tape } = yield* opened(service)
            assert.deepStrictEqual(yield* Proofs.head(lib, tape), last)
            for (const head of heads) {
              yield* Proofs.checkHead(lib, tape, head)
              const proof = stored(yield* Proofs.proveConsistency(lib, tape, head))
              assert.deepStrictEqual([proof.from, proof.to], [head, last])
              assert.isTrue(Proof.checkConsistency(proof))
            }
            for (const n of records.length === 0 ? [] : [0, a % records.length, b % records.length]) {
              const size = n + 1 + (b % (records.length - n))
              const proof = stored(yield* Proofs.proveInclusion(lib, tape, n, { records: size }))
              assert.deepStrictEqual(proof.head, { records: size, root: leaves.root(0, size), tape: last.tape })
              for (const [m, record] of records.entries()) {
                assert.strictEqual(Proof.checkInclusion(record, proof), m === n)
              }
            }
          }
          yield* reader.close
          yield* session.close
        })
      )
    )
    await fc.assert(property, { numRuns: runs })
  })

  it("tell it from one that was rewritten as a whole, ids, hashes and meta included", async () => {
    const ops = fc.array(op, { minLength: 1, maxLength: 8 })
    const property = fc.asyncProperty(ops, fc.nat(), (ops, n) =>
      run(
        Effect.gen(function* () {
          const honest = yield* write(yield* MemoryStorage.make, ops, recordOf)
          yield* honest.session.close
          if (honest.records.length === 0) return
          const changed = n % honest.records.length
          const forge: RecordOf = (ordinal, size) => recordOf(ordinal === changed ? -ordinal - 1 : ordinal, size)
          const { session } = yield* write(yield* MemoryStorage.make, ops, forge)
          const { lib, tape } = yield* opened(session.lib)
          for (const head of honest.heads) {
            assert.strictEqual(head.tape, tape.id)
            const checks = [Proofs.checkHead(lib, tape, head), Proofs.proveConsistency(lib, tape, head)]
            for (const check of checks) {
              if (head.records <= changed) {
                yield* check
                continue
              }
              const mismatch = yield* Effect.flip(check)
              assert.deepInclude(mismatch, { _tag: "HeadMismatch", expected: head })
              assert.nestedPropertyVal(mismatch, "found.records", head.records)
              assert.notNestedPropertyVal(mismatch, "found.root", head.root)
            }
          }
          const proof = yield* Proofs.proveInclusion(lib, tape, changed)
          assert.isFalse(Proof.sameHead(proof.head, honest.heads.at(-1)!))
          assert.isFalse(Proof.checkInclusion(honest.records[changed], proof))
          const claimed = { ...proof, head: honest.heads.at(-1)! }
          assert.isFalse(Proof.checkInclusion(forge(changed, 0), claimed))
          yield* session.close
        })
      )
    )
    await fc.assert(property, { numRuns: runs })
  })
})
