/** Progress of long operations: `done` ascends, and ends at the total. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Progress } from "litetapes/Lib"
import * as Tape from "litetapes/Tape"
import { existingTape, tapeOf } from "../../support/openLib.ts"
import { crashed, fill, numbered, type TransformKind, withLib } from "../../support/transformGround.ts"

/** Runs `operation`, and checks that its progress ascends to that many records. */
const watched = <A, E>(
  records: number,
  operation: (options: { readonly onProgress: (progress: Progress) => Effect.Effect<void> }) => Effect.Effect<A, E>
) =>
  Effect.gen(function* () {
    const told: Array<Progress> = []
    const result = yield* operation({ onProgress: (progress) => Effect.sync(() => void told.push(progress)) })
    let before: Progress = { done: { records: 0, bytes: 0 }, total: { records: 0, bytes: 0 } }
    for (const progress of told) {
      for (const unit of ["records", "bytes"] as const) {
        assert.isAtLeast(progress.done[unit], before.done[unit])
        assert.isAtLeast(progress.total[unit], before.total[unit])
        assert.isAtMost(progress.done[unit], progress.total[unit])
      }
      assert.isAbove(progress.done.records, before.done.records)
      before = progress
    }
    assert.isAbove(told.length, 1)
    assert.strictEqual(before.done.records, records)
    assert.deepStrictEqual(before.done, before.total)
    return result
  })

export const progressContract = ({ ground, place }: TransformKind): void => {
  describe("progress", () => {
    it.live("ascends to the total in repack, clone, diff and verify", () =>
      Effect.gen(function* () {
        const { storage } = yield* ground
        yield* withLib(storage, place(), (lib) =>
          Effect.gen(function* () {
            const tape = yield* tapeOf(lib, "a")
            for (let n = 0; n < 4; n++) {
              yield* tape.append([...numbered(n * 300, n * 300 + 300, 1000), ...numbered(0, 100, 1000)])
              yield* tape.appendSegment
            }
            for (const options of [
              { force: true },
              { compression: "zstd", dedup: true, targetBytes: 500_000 },
              { targetBytes: 300_000 },
              { compression: "gzip", dedup: true, targetBytes: 400_000 }
            ] as const) {
              yield* watched(1600, ({ onProgress }) => tape.repack({ ...options, onProgress }))
            }
            yield* watched(1600, (options) => tape.clone(lib, "b", options))
            const clone = yield* existingTape(lib, "b")
            assert.isUndefined(yield* watched(1600, (options) => Tape.diff(tape, clone, options)))
            yield* clone.repack()
            assert.isUndefined(yield* watched(1600, (options) => Tape.diff(clone, tape, options)))
            yield* clone.append(numbered(0, 10))
            const longer = yield* existingTape(lib, "b")
            assert.isDefined(yield* Tape.diff(tape, longer))
            for (const depth of ["files", "records"] as const) {
              yield* watched(1600, (options) => tape.verify({ ...options, depth }))
              yield* watched(3200, (options) => lib.verify({ ...options, depth }))
            }
          })
        )
      })
    )

    it.live("ascends to the total in recover", () =>
      Effect.gen(function* () {
        const kind = yield* ground
        const { loseMeta, storage } = kind
        const [at, copied] = [place(), place()]
        yield* crashed(kind, at, copied, (lib) =>
          Effect.gen(function* () {
            const tape = yield* fill(lib, "a", 4, 5)
            yield* tape.append(numbered(20, 30))
          })
        )
        yield* loseMeta(copied, "a")
        yield* withLib(storage, copied, (lib) => watched(30, (options) => lib.recoverTape("a", options)))
      })
    )
  })
}
