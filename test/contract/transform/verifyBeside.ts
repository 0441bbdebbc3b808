/** Verify of a lib that its writer changes meanwhile, and that is closed meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Tape from "litetapes/Tape"
import { flipped } from "../../support/copyLib.ts"
import { existingTape, storeOf, tagOf } from "../../support/openLib.ts"
import {
  fill,
  numbered,
  openSession,
  rewriteMeta,
  tamper,
  type TransformKind,
  withLib
} from "../../support/transformGround.ts"

export const verifyBesideContract = (kind: TransformKind): void => {
  describe("verify", () => {
    eventsContract(kind)
    besideContract(kind)
  })
}

const eventsContract = ({ ground, place }: TransformKind): void => {
  it.live("of events: revisions and positions, and the events that no tape has", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const at = place()
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          const store = yield* storeOf(lib)
          for (let n = 0; n < 3; n++) {
            yield* store.appendAll(
              ["a-1", "a-2", "b-1"].map((stream) => ({ stream, events: [{ type: "T" }, { type: "U" }] }))
            )
            yield* Effect.flatMap(existingTape(lib, "a"), (tape) => tape.appendSegment)
          }
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
      yield* tamper(storage, at, (root) => root.segments.remove("a", "seg-000002.jsonl"))
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          // Segment 3 is good: where its streams should stand is not known any more.
          const { bad } = yield* lib.verify()
          assert.deepStrictEqual(
            bad.map(({ file, error }) => [file, error]),
            [["a/seg-000002.jsonl", "SegmentMissing"]]
          )
        })
      )
      yield* tamper(storage, at, (root) => rewriteMeta(root, "a", (bytes) => flipped(bytes, 8)))
      yield* withLib(storage, at, (lib) =>
        Effect.gen(function* () {
          yield* lib.recoverTape("a")
          // The tape lists its loss, so the positions that no tape has are not bad.
          const { bad, lost } = yield* lib.verify()
          assert.deepStrictEqual(bad, [])
          assert.deepStrictEqual(
            lost.map(({ tape }) => tape),
            ["a"]
          )
        })
      )
    })
  )
}

const besideContract = ({ ground, place }: TransformKind): void => {
  it.live("finds nothing wrong while the writer appends and repacks, and checks what is flushed meanwhile", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const session = yield* openSession(storage, place(), { closeBytes: 700, backlogMax: 1 })
      const tape = yield* fill(session.lib, "a", 3, 3)
      const { fiber, goOn } = yield* suspended(tape)
      yield* tape.append(numbered(9, 12))
      yield* tape.appendSegment
      yield* tape.append(numbered(12, 14))
      yield* goOn
      const report = yield* Fiber.join(fiber)
      assert.isTrue(report.ok)
      assert.deepInclude(report, { segments: 4, records: 12 })
      const write = Effect.gen(function* () {
        for (let n = 14; n < 60; n++) {
          yield* tape.append(numbered(n, n + 1))
          if (n % 9 === 0) yield* tape.repack({ targetBytes: 500, force: true })
        }
      })
      const look = Effect.gen(function* () {
        for (let n = 0; n < 20; n++) assert.deepStrictEqual((yield* session.lib.verify()).bad, [])
      })
      yield* Effect.all([write, look], { concurrency: "unbounded" })
      yield* session.close
    })
  )

  it.live("is ended by the close of its lib", () =>
    Effect.gen(function* () {
      const { storage } = yield* ground
      const session = yield* openSession(storage, place())
      const tape = yield* fill(session.lib, "a", 3, 3)
      const { fiber } = yield* suspended(tape)
      yield* session.close
      assert.strictEqual(yield* tagOf(Fiber.join(fiber)), "LibClosed")
      assert.strictEqual(yield* tagOf(session.lib.verify()), "LibClosed")
    })
  )
}

/** A verification that waits in its first call of `onProgress`. */
const suspended = (tape: Tape.Tape["Service"]) =>
  Effect.gen(function* () {
    const begun = yield* Deferred.make<void>()
    const gate = yield* Deferred.make<void>()
    const onProgress = () => Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))
    const fiber = yield* Effect.forkChild(tape.verify({ onProgress }))
    yield* Deferred.await(begun)
    return { fiber, goOn: Deferred.succeed(gate, undefined) }
  })
