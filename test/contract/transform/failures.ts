/**
 * Repack and clone over a failing storage: before the change of meta they alone fail, from that change on the writer
 * stops.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Tape from "litetapes/Tape"
import { failing, type FailingOperation, type Plan } from "../../support/failingStorage.ts"
import { existingTape, tagOf } from "../../support/openLib.ts"
import {
  all,
  crashed,
  fill,
  numbered,
  openSession,
  type TransformKind,
  unlisted,
  withLib
} from "../../support/transformGround.ts"

const options: Tape.RepackOptions = { targetBytes: 250, compression: "zstd", shardEvery: 2, force: true }

/**
 * Runs `attempt` with the first call of an operation failing, then with the second one, until there is no such call.
 */
const eachCall = <E>(
  operation: FailingOperation,
  when: Plan["when"],
  attempt: (plan: Plan) => Effect.Effect<boolean, E>
): Effect.Effect<number, E> =>
  Effect.gen(function* () {
    for (let nth = 1; ; nth++) if (!(yield* attempt({ operation, nth, when }))) return nth - 1
  })

export const failuresContract = ({ ground, place }: TransformKind): void => {
  describe("a failing storage", () => {
    for (const [operation, when] of [
      ["segments.write", "before"],
      ["segments.write", "after"],
      ["segments.read", "before"]
    ] as const) {
      it.live(`fails only the repack at any ${operation} (${when} it is done)`, () =>
        Effect.gen(function* () {
          const { storage } = yield* ground
          const calls = yield* eachCall(operation, when, (plan) =>
            Effect.gen(function* () {
              const at = place()
              const disk = failing(storage)
              const session = yield* openSession(disk.storage, at)
              const tape = yield* fill(session.lib, "a", 3, 4)
              disk.plan(plan)
              const result = yield* Effect.result(tape.repack(options))
              if (!disk.hasFailed()) {
                yield* session.close
                return false
              }
              assert(result._tag === "Failure")
              assert.strictEqual(result.failure._tag, "StorageError")
              assert.deepStrictEqual(yield* unlisted(storage, at, "a"), [])
              yield* tape.append(numbered(12, 14))
              assert.deepStrictEqual(yield* all(tape), numbered(0, 14))
              yield* tape.repack(options)
              assert.deepStrictEqual(yield* all(tape), numbered(0, 14))
              assert.isTrue((yield* session.lib.verify()).ok)
              yield* session.close
              assert.deepStrictEqual(yield* unlisted(storage, at, "a"), [])
              return true
            })
          )
          assert.isAtLeast(calls, 2)
        })
      )
    }

    for (const operation of ["segments.remove", "derived.delete", "derived.put"] as const) {
      it.live(`does not fail a repack at any ${operation}; leftovers are removed after the next crash`, () =>
        Effect.gen(function* () {
          const kind = yield* ground
          const { storage } = kind
          const calls = yield* eachCall(operation, "before", (plan) =>
            Effect.gen(function* () {
              const [at, copied] = [place(), place()]
              const disk = failing(storage)
              const failed = yield* crashed({ ...kind, storage: disk.storage }, at, copied, (lib) =>
                Effect.gen(function* () {
                  const tape = yield* fill(lib, "a", 3, 4)
                  disk.plan(plan)
                  yield* tape.repack(options)
                  assert.deepStrictEqual(yield* all(tape), numbered(0, 12))
                  return disk.hasFailed()
                })
              )
              if (!failed) return false
              yield* withLib(storage, copied, (lib) =>
                Effect.gen(function* () {
                  const tape = yield* existingTape(lib, "a")
                  assert.deepStrictEqual(yield* all(tape), numbered(0, 12))
                  assert.isTrue((yield* lib.verify()).ok)
                  assert.deepStrictEqual(yield* unlisted(storage, copied, "a"), [])
                })
              )
              return true
            })
          )
          assert.isAtLeast(calls, 2)
        })
      )
    }

    for (const when of ["before", "after"] as const) {
      it.live(
        `stops the writer at the change of meta (${when} it is done), and the stream is intact after a reopen`,
        () =>
          Effect.gen(function* () {
            const { storage } = yield* ground
            const at = place()
            const disk = failing(storage)
            const session = yield* openSession(disk.storage, at)
            const tape = yield* fill(session.lib, "a", 3, 4)
            disk.plan({ operation: "meta.replace", nth: 1, when })
            assert.strictEqual(yield* tagOf(tape.repack(options)), "WriterPoisoned")
            assert.isTrue(disk.hasFailed())
            assert.strictEqual(yield* tagOf(tape.append([{}])), "WriterPoisoned")
            assert.strictEqual(yield* tagOf(tape.repack(options)), "WriterPoisoned")
            assert.deepStrictEqual(yield* all(tape), numbered(0, 12))
            yield* session.close
            yield* withLib(storage, at, (lib) =>
              Effect.gen(function* () {
                assert.isTrue(lib.report.recovered)
                const again = yield* existingTape(lib, "a")
                assert.deepStrictEqual(yield* all(again), numbered(0, 12))
                const compressions = new Set((yield* again.segments).map(({ compression }) => compression))
                assert.deepStrictEqual([...compressions], [when === "before" ? "none" : "zstd"])
                assert.isTrue((yield* lib.verify()).ok)
                assert.deepStrictEqual(yield* unlisted(storage, at, "a"), [])
                yield* again.append(numbered(12, 13))
                assert.deepStrictEqual(yield* all(again), numbered(0, 13))
              })
            )
          })
      )
    }

    for (const operation of ["tapes.create", "segments.write"] as const) {
      it.live(`fails only the clone at any ${operation} of the target, and its name can be used again`, () =>
        Effect.gen(function* () {
          const { storage } = yield* ground
          const disk = failing(storage)
          const session = yield* openSession(disk.storage, place())
          yield* withLib(storage, place(), (lib) =>
            Effect.gen(function* () {
              const tape = yield* fill(lib, "a", 3, 4)
              const calls = yield* eachCall(operation, "before", (plan) =>
                Effect.gen(function* () {
                  disk.plan(plan)
                  const result = yield* Effect.result(tape.clone(session.lib, "copy"))
                  if (result._tag === "Success") return false
                  assert.strictEqual(result.failure._tag, "StorageError")
                  assert.deepStrictEqual(yield* session.lib.tapes, [])
                  return true
                })
              )
              assert.isAtLeast(calls, 1)
              assert.deepStrictEqual(yield* all(yield* existingTape(session.lib, "copy")), numbered(0, 12))
            })
          )
          yield* session.close
        })
      )
    }

    for (const operation of ["meta.replace", "meta.append"] as const) {
      it.live(
        `stops the target's writer at ${operation}, and after a reopen the tape is listed whole or not at all`,
        () =>
          Effect.gen(function* () {
            const { storage } = yield* ground
            for (const when of ["before", "after"] as const) {
              const at = place()
              const disk = failing(storage)
              const session = yield* openSession(disk.storage, at)
              yield* withLib(storage, place(), (lib) =>
                Effect.gen(function* () {
                  const tape = yield* fill(lib, "a", 3, 4)
                  disk.plan({ operation, nth: 1, when })
                  assert.strictEqual(yield* tagOf(tape.clone(session.lib, "copy")), "WriterPoisoned")
                  yield* tape.append(numbered(12, 13))
                })
              )
              yield* session.close
              yield* withLib(storage, at, (lib) =>
                Effect.gen(function* () {
                  const names = (yield* lib.tapes).map(({ name }) => name)
                  assert.deepStrictEqual(names, operation === "meta.append" && when === "after" ? ["copy"] : [])
                  if (names.length === 0) yield* lib.createTape("copy")
                  else assert.deepStrictEqual(yield* all(yield* existingTape(lib, "copy")), numbered(0, 12))
                  assert.isTrue((yield* lib.verify()).ok)
                })
              )
            }
          })
      )
    }
  })
}
