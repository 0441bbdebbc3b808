/** Recovery of tapes whose files are damaged too: the report about them, and what other files know of their records. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { flipped } from "../../support/copyLib.ts"
import { checkRecovery, checkWhole, damagedLib, damageMeta, segmentFile } from "../../support/damagedLib.ts"
import { existingTape } from "../../support/openLib.ts"
import { appendTo, fill, numbered, rewrite, rewriteMeta, type TransformKind } from "../../support/transformGround.ts"

export const recoverDamageContract = (kind: TransformKind): void => {
  describe("recover of a tape with damaged files", () => {
    reportContract(kind)
    holeContract(kind)
  })
}

const reportContract = (kind: TransformKind): void => {
  it.live("reports numbers without a file, and how many records are lost where, from the ordinals of later ones", () =>
    Effect.gen(function* () {
      const { open } = yield* damagedLib(kind, {
        write: (lib) => fill(lib, "a", 5, 3),
        crash: (lib) => appendTo(lib, "a", numbered(15, 18)),
        damage: (root) => root.segments.remove("a", segmentFile(2)),
        lose: ["a"]
      })
      const report = yield* open((lib) => lib.recoverTape("a"))
      assert.deepInclude(report, {
        records: 15,
        fromDynamic: 3,
        lost: [],
        missing: [{ from: 2, to: 2, certain: true }],
        gaps: [{ from: 3, to: 15, records: 3 }]
      })
    })
  )

  it.live("reports exactly where records are lost, if a line of the damaged meta still says so", () =>
    Effect.gen(function* () {
      const { open } = yield* damagedLib(kind, {
        write: (lib) => fill(lib, "a", 5, 3),
        damage: (root) =>
          Effect.gen(function* () {
            yield* rewrite(root, "a", segmentFile(2), (bytes) => flipped(bytes, 8))
            yield* root.segments.remove("a", segmentFile(4))
            yield* damageMeta(root, "a", 9)
          })
      })
      const report = yield* open((lib) => lib.recoverTape("a"))
      assert.deepStrictEqual(
        report.lost.map(({ isBack, records, segment }) => [segment, records, isBack]),
        [
          [segmentFile(2), 3, false],
          [segmentFile(4), 3, false]
        ]
      )
      assert.deepStrictEqual(report.missing, [])
      assert.deepStrictEqual(report.gaps, [
        { from: 3, to: 6, records: 3 },
        { from: 9, to: 12, records: 3 }
      ])
    })
  )

  it.live("reports no loss of files that a repack removed, even if meta from before the repack was restored", () =>
    Effect.gen(function* () {
      const { change, open } = yield* damagedLib(kind, { write: (lib) => fill(lib, "a", 3, 3) })
      const older = yield* change((root) => Effect.map(root.meta.read("a"), (meta) => meta!.bytes))
      yield* open((lib) =>
        Effect.gen(function* () {
          const tape = yield* existingTape(lib, "a")
          yield* tape.repack({ targetBytes: 200 })
          yield* tape.append(numbered(9, 12))
        })
      )
      // Damaged: otherwise it would be taken for the tape's meta, and its segments for missing.
      yield* change((root) => rewriteMeta(root, "a", () => flipped(older, 9)))
      yield* open((lib) => checkRecovery(lib, { records: 12, lost: [], dropped: [], gaps: [] }, numbered(0, 12)))
    })
  )
}

const holeContract = (kind: TransformKind): void => {
  for (const how of ["damaged", "changed", "missing"] as const) {
    it.live(`fills the gap from dynamic segments if a file between others is ${how}`, () =>
      Effect.gen(function* () {
        const hole = segmentFile(4)
        const { at, loseMeta, open } = yield* damagedLib(kind, {
          write: (lib) => fill(lib, "a", 2, 3),
          crash: (lib) =>
            Effect.gen(function* () {
              const tape = yield* existingTape(lib, "a")
              for (let n = 6; n < 18; n += 3) {
                yield* tape.append(numbered(n, n + 3))
                if (n < 15) yield* tape.appendSegment
              }
            }),
          damage: (root) =>
            how === "missing"
              ? root.segments.remove("a", hole)
              : // Record 9 becomes record 8, and only the dynamic segment contains the original.
                rewrite(root, "a", hole, (bytes) => (how === "changed" ? flipped(bytes, 5) : bytes.subarray(0, 70))),
          lose: ["a"]
        })
        yield* open((lib) =>
          Effect.gen(function* () {
            const whole = { records: 18, missing: [], gaps: [], dropped: [segmentFile(5)] }
            const { lost } = yield* checkRecovery(lib, whole, numbered(0, 18))
            assert.deepStrictEqual(
              lost.map(({ isBack, segment }) => [segment, isBack]),
              how === "missing" ? [] : [[hole, true]]
            )
            yield* appendTo(lib, "a", numbered(18, 20))
          })
        )
        if (how === "changed") return
        yield* loseMeta(at, "a")
        yield* open((lib) =>
          Effect.gen(function* () {
            // Now this file is known to be superfluous, too.
            const dropped = how === "missing" ? [segmentFile(5)] : [hole, segmentFile(5)]
            yield* checkRecovery(lib, { records: 20, lost: [], dropped }, numbered(0, 20))
            yield* checkWhole(lib, numbered(0, 20))
          })
        )
      })
    )
  }
}
