/** Heads and proofs of tapes in use: written, flushed, closed, reopened, read while they are written, tampered with. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as fc from "fast-check"
import type * as Lib from "litetapes/Lib"
import * as MemoryStorage from "litetapes/MemoryStorage"
import * as Proof from "../../../../src/domain/merkle/Proof.ts"
import * as TaraSON from "../../../../src/domain/json/TaraSON.ts"
import { internalsOf } from "../../../../src/services/internals.ts"
import type { Progress } from "../../../../src/services/base/Progress.ts"
import * as Proofs from "../../../../src/services/maintenance/Proofs.ts"
import { openSession, type StorageService, tagOf, tapeOf } from "../../../support/openLib.ts"
import { bytesOf, op, opened, recordOf, type RecordOf, run, write } from "../../../support/proofRun.ts"
import { leavesOf } from "../../../support/rfc9162.ts"
import { runs } from "../../../support/runs.ts"

const large = (n: number) => recordOf(n, 20_000)
const records = Array.from({ length: 50 }, (_, n) => large(n))
const leaves = leavesOf(records.map((record) => bytesOf(record)))
const bytes = records.reduce((sum, record) => sum + TaraSON.encode(record).length + 1, 0)

/**
 * A tape of 50 records of 20 KB: the first 30 in three segments, the others in no segment yet. It takes several chunks
 * to read.
 */
const fixture = (options?: Lib.Options) =>
  Effect.gen(function* () {
    const storage = yield* MemoryStorage.make
    const session = yield* Effect.acquireRelease(openSession(storage, "place", options), (session) => session.close)
    const orders = yield* tapeOf(session.lib, "orders")
    for (let n = 0; n < 50; n += 10) {
      yield* orders.append(records.slice(n, n + 10))
      if (n < 30) yield* orders.appendSegment
    }
    const { handle: lib } = internalsOf(session.lib)
    return { storage, session, orders, lib, tape: yield* lib.tapes.get("orders") }
  })

const stored = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A

const readerOf = (storage: StorageService) =>
  Effect.gen(function* () {
    const session = yield* Effect.acquireRelease(
      openSession(storage, "place", { mode: "read" }),
      (reader) => reader.close
    )
    const { handle: lib } = internalsOf(session.lib)
    return { lib, tape: yield* lib.tapes.get("orders") }
  })

describe("Proofs", () => {
  it.effect("flush the tape for a head only", () =>
    Effect.gen(function* () {
      const { lib, tape, orders } = yield* fixture()
      const segments = Effect.map(orders.segments, (all) => all.length)
      const proof = yield* Proofs.proveInclusion(lib, tape, 49)
      yield* Proofs.proveConsistency(lib, tape, { records: 30, root: leaves.root(0, 30), tape: tape.id })
      yield* Proofs.checkHead(lib, tape, proof.head)
      assert.strictEqual(yield* segments, 3)
      assert.deepStrictEqual(yield* Proofs.head(lib, tape), proof.head)
      assert.strictEqual(yield* segments, 4)
      assert.deepStrictEqual(proof.head, { records: 50, root: leaves.root(0, 50), tape: orders.id })
    })
  )

  it.effect("show a reader only the records of its view", () =>
    Effect.gen(function* () {
      const { storage, orders } = yield* fixture()
      const early = yield* readerOf(storage)
      yield* orders.append([large(50)])
      const head = yield* Proofs.head(early.lib, early.tape)
      assert.deepStrictEqual(head, { records: 50, root: leaves.root(0, 50), tape: orders.id })
      yield* orders.appendSegment
      const late = yield* readerOf(storage)
      // This is the view of a reader that does not know yet whether the batch in the last segment is acknowledged.
      const { state, version, end } = late.tape.meta
      late.tape.show({ meta: { state, version, end }, parts: [], hidden: 1 })
      assert.deepStrictEqual(yield* Proofs.head(late.lib, late.tape), head)
      assert.deepStrictEqual((yield* Proofs.proveInclusion(late.lib, late.tape, 7)).head, head)
      assert.strictEqual(yield* tagOf(Proofs.proveInclusion(late.lib, late.tape, 50)), "RecordNotFound")
    })
  )

  it.effect("ignore records that are appended after they began", () =>
    Effect.gen(function* () {
      const { lib, tape, orders } = yield* fixture()
      let appended = 0
      const onProgress = () => Effect.asVoid(orders.append([large(50 + appended++)]))
      const proof = yield* Proofs.proveInclusion(lib, tape, 3, { onProgress: () => Effect.orDie(onProgress()) })
      assert.isAbove(appended, 2)
      assert.strictEqual(tape.records, 50 + appended)
      assert.deepStrictEqual(proof.head, { records: 50, root: leaves.root(0, 50), tape: tape.id })
      const grown = yield* Proofs.proveConsistency(lib, tape, proof.head)
      assert.strictEqual(grown.to.records, 50 + appended)
      assert.isTrue(Proof.checkConsistency(grown))
    })
  )

  it.effect("report progress up to the last record and byte", () =>
    Effect.gen(function* () {
      const { lib, tape } = yield* fixture()
      const seen: Array<Progress> = []
      const onProgress = (progress: Progress) => Effect.sync(() => void seen.push(progress))
      const total = { records: 50, bytes }
      const all = [
        Proofs.proveInclusion(lib, tape, 3, { onProgress }),
        Proofs.proveConsistency(lib, tape, { records: 0, root: leaves.root(0, 0), tape: tape.id }, { onProgress }),
        Proofs.checkHead(lib, tape, { records: 50, root: leaves.root(0, 50), tape: tape.id }, onProgress)
      ]
      for (const operation of all) {
        seen.length = 0
        yield* operation
        assert.isAbove(seen.length, 2)
        for (const [n, { done, total: inAll }] of seen.entries()) {
          assert.deepStrictEqual(inAll, total)
          if (n > 0) assert.isAbove(done.records, seen[n - 1]!.done.records)
        }
        assert.deepStrictEqual(seen.at(-1)!.done, total)
      }
      seen.length = 0
      yield* Proofs.proveInclusion(lib, tape, 3, { records: 15, onProgress })
      const { done, total: estimated } = seen.at(-1)!
      assert.strictEqual(done.records, 15)
      assert.strictEqual(estimated.records, 15)
      assert.closeTo(estimated.bytes, done.bytes, 20)
    })
  )

  it.effect("can be interrupted", () =>
    Effect.gen(function* () {
      const { lib, tape } = yield* fixture()
      const begun = Latch.makeUnsafe(false)
      const onProgress = () => Effect.andThen(begun.open, Effect.never)
      const fiber = yield* Effect.forkChild(Proofs.proveInclusion(lib, tape, 3, { onProgress }))
      yield* begun.await
      yield* Fiber.interrupt(fiber)
      assert.isTrue((yield* Proofs.proveInclusion(lib, tape, 3)).hashes.length > 0)
    })
  )

  it.effect("are refused for records that do not exist", () =>
    Effect.gen(function* () {
      const { lib, tape } = yield* fixture()
      for (const ordinal of [50, -1, 1.5, Number.NaN, 2 ** 53]) {
        assert.strictEqual(yield* tagOf(Proofs.proveInclusion(lib, tape, ordinal)), "RecordNotFound")
      }
      const beyond = yield* Effect.flip(Proofs.proveInclusion(lib, tape, 20, { records: 20 }))
      assert.deepInclude(beyond, { _tag: "RecordNotFound", tape: "orders", ordinal: 20, records: 20 })
      const unwritten = yield* Effect.flip(Proofs.proveInclusion(lib, tape, 20, { records: 51 }))
      assert.deepInclude(unwritten, { _tag: "RecordNotFound", tape: "orders", ordinal: 50, records: 50 })
      const head = { records: 0, root: leaves.root(0, 0), tape: tape.id }
      assert.strictEqual(yield* tagOf(Proofs.proveConsistency(lib, tape, head, { records: 51 })), "RecordNotFound")
    })
  )

  it.effect("are refused for heads that the tape does not have, with the tape's own values", () =>
    Effect.gen(function* () {
      const { lib, tape } = yield* fixture()
      const head = { records: 20, root: leaves.root(0, 20), tape: tape.id }
      const foreign = "0190c3a4-0000-7000-8000-000000000001"
      const cases = [
        [
          { ...head, tape: foreign },
          { records: 50, root: null, tape: tape.id }
        ],
        [
          { ...head, records: 51 },
          { records: 50, root: null, tape: tape.id }
        ],
        [
          { ...head, records: 19 },
          { records: 19, root: leaves.root(0, 19), tape: tape.id }
        ],
        [
          { ...head, root: leaves.root(0, 50) },
          { records: 20, root: head.root, tape: tape.id }
        ],
        [
          { ...head, records: 0 },
          { records: 0, root: leaves.root(0, 0), tape: tape.id }
        ]
      ] as const
      for (const [expected, found] of cases) {
        for (const refused of [Proofs.checkHead(lib, tape, expected), Proofs.proveConsistency(lib, tape, expected)]) {
          assert.deepInclude(yield* Effect.flip(refused), { _tag: "HeadMismatch", tape: "orders", expected, found })
        }
      }
      assert.strictEqual(yield* tagOf(Proofs.proveConsistency(lib, tape, head, { records: 19 })), "HeadMismatch")
      yield* Proofs.checkHead(lib, tape, head)
    })
  )

  it.effect("are refused once the lib is closed", () =>
    Effect.gen(function* () {
      const { lib, tape, session } = yield* fixture()
      const head = yield* Proofs.head(lib, tape)
      yield* session.close
      assert.strictEqual(yield* tagOf(Proofs.head(lib, tape)), "LibClosed")
      assert.strictEqual(yield* tagOf(Proofs.checkHead(lib, tape, head)), "LibClosed")
      assert.strictEqual(yield* tagOf(Proofs.proveInclusion(lib, tape, 0)), "LibClosed")
    })
  )

  it.effect("of an empty tape are those of the empty tree", () =>
    Effect.gen(function* () {
      const storage = yield* MemoryStorage.make
      const { lib: service, close } = yield* openSession(storage, "place")
      yield* tapeOf(service, "orders")
      const { handle: lib } = internalsOf(service)
      const tape = yield* lib.tapes.get("orders")
      const head = yield* Proofs.head(lib, tape)
      assert.deepStrictEqual(head, { records: 0, root: leaves.root(0, 0), tape: tape.id })
      yield* Proofs.checkHead(lib, tape, head)
      assert.isTrue(Proof.checkConsistency(yield* Proofs.proveConsistency(lib, tape, head)))
      assert.strictEqual(yield* tagOf(Proofs.proveInclusion(lib, tape, 0)), "RecordNotFound")
      yield* close
    })
  )
})

describe("heads and proofs of a tape", { timeout: 60_000 + 1000 * runs }, () => {
  it("are those of its logical stream, wherever its records are stored, for its writer and for a reader", async () => {
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

  it("reveal a tape that was rewritten as a whole, ids, hashes and meta included", async () => {
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
