/** Libs that lost their meta: recovery makes a new lib around the tapes, and recovers the committed records. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { flipped, withoutRoom } from "../../support/copyLib.ts"
import { type DamagedLib, damagedLib, damageMeta } from "../../support/damagedLib.ts"
import { flush, type LibService, recordsOf, storeOf, tagOf } from "../../support/openLib.ts"
import { appendTo, fill, numbered, type TransformKind } from "../../support/transformGround.ts"

export const recoverLibContract = (kind: TransformKind): void => {
  describe("recovery of a lib", () => {
    lostContract(kind)
    damagedContract(kind)
  })
}

/** Writes two tapes and some events, partly in segments. */
const write = (lib: LibService) =>
  Effect.gen(function* () {
    const tape = yield* fill(lib, "a", 3, 3)
    const store = yield* storeOf(lib)
    yield* store.append("order-1", [{ type: "Made" }, { type: "Paid" }])
    yield* flush(lib, "order")
    yield* store.appendAll([
      { stream: "order-1", events: [{ type: "Sent" }] },
      { stream: "bill-1", events: [{ type: "Made" }] }
    ])
    yield* tape.append(numbered(9, 12))
    return { id: lib.id, tapes: (yield* lib.tapes).map(({ name, tape: id }) => [name, id]) }
  })

/**
 * Checks that everything is there, and that ordinals, revisions, positions and batches continue, also after a reopen.
 */
const checkGoesOn = ({ open }: DamagedLib<unknown, unknown>, tapes: ReadonlyArray<unknown>) =>
  Effect.gen(function* () {
    for (const round of [0, 1]) {
      yield* open((lib) =>
        Effect.gen(function* () {
          assert.isFalse(lib.report.recovered)
          assert.deepStrictEqual(
            (yield* lib.tapes).map(({ name, tape }) => [name, tape]),
            [...tapes]
          )
          assert.deepStrictEqual(yield* recordsOf(lib, "a"), numbered(0, 12 + round))
          const store = yield* storeOf(lib)
          const events = yield* Stream.runCollect(store.readAll())
          assert.deepStrictEqual(
            events.map(({ position }) => position),
            [0, 1, 2, 3, 4].slice(0, 4 + round)
          )
          const { lastRevision, lastPosition } = yield* store.append("order-1", [{ type: "More" }], {
            expected: 2 + round
          })
          assert.deepStrictEqual([lastRevision, lastPosition], [3 + round, 4 + round])
          const receipt = yield* appendTo(lib, "a", numbered(12 + round, 13 + round))
          assert.deepInclude(receipt, { firstOrdinal: 12 + round, batch: 2 + round * 2 })
          assert.isTrue((yield* lib.verify()).ok)
        })
      )
    }
  })

const lostContract = (kind: TransformKind): void => {
  for (const state of ["closed", "crashed"] as const) {
    it.live(`rebuilds a lib without meta that was ${state}, and tapes, batches and positions continue`, () =>
      Effect.gen(function* () {
        const lib =
          state === "closed"
            ? yield* damagedLib(kind, { write, lose: [undefined] })
            : yield* damagedLib(kind, { crash: write, lose: [undefined] })
        const { id, tapes } = lib.written ?? lib.left!
        assert.strictEqual(yield* tagOf(lib.open(() => Effect.void)), "LibInvalid")
        const report = yield* lib.recover
        assert.notStrictEqual(report.lib, id)
        assert.deepInclude(report, { invalid: [], damaged: [], positionsMissing: 0 })
        assert.deepStrictEqual(
          report.tapes.map(({ name, records, fromDynamic, unplaced }) => [name, records, fromDynamic, unplaced]),
          [
            ["a", 12, state === "closed" ? 0 : 3, 0],
            ["bill", 1, state === "closed" ? 0 : 1, 0],
            ["order", 3, state === "closed" ? 0 : 1, 0]
          ]
        )
        assert.lengthOf(report.aside, state === "closed" ? 0 : 1)
        assert.strictEqual(yield* tagOf(lib.recover), "NotDamaged")
        yield* checkGoesOn(lib, tapes)
      })
    )
  }

  it.live("is refused if nothing is lost, or nothing is there", () =>
    Effect.gen(function* () {
      const { open, recover } = yield* damagedLib(kind, {})
      assert.strictEqual(yield* tagOf(recover), "LibInvalid")
      yield* open((lib) =>
        Effect.gen(function* () {
          yield* fill(lib, "a", 1, 1)
          assert.strictEqual(yield* tagOf(recover), "LibLocked")
        })
      )
      assert.strictEqual(yield* tagOf(recover), "NotDamaged")
    })
  )
}

const damagedContract = (kind: TransformKind): void => {
  it.live("rebuilds a lib whose meta has a damaged byte, wherever opening refuses it", () =>
    Effect.gen(function* () {
      const lib = yield* damagedLib(kind, { crash: write })
      const size = yield* lib.change((root) => Effect.map(root.meta.read(undefined), (meta) => meta!.bytes.length))
      let refused = 0
      for (let byte = 0; byte < size; byte += 3 * kind.step) {
        const damaged = yield* lib.copied
        yield* damaged.change((root) => damageMeta(root, undefined, byte, byte % 7))
        const opened = yield* Effect.result(damaged.open((lib) => recordsOf(lib, "a")))
        if (opened._tag === "Success") {
          assert.deepStrictEqual(opened.success, numbered(0, 12), `byte ${byte}`)
          continue
        }
        refused += 1
        const report = yield* damaged.recover
        assert.deepInclude(report, { invalid: [], positionsMissing: 0 }, `byte ${byte}`)
        assert.isAtLeast(report.aside.length, 2)
        yield* checkGoesOn(damaged, lib.left.tapes)
      }
      assert.isAbove(refused, 3)
    })
  )

  it.live("reports the damage in a dynamic segment, and recovers the batches before and after it", () =>
    Effect.gen(function* () {
      const { open, recover } = yield* damagedLib(kind, {
        crash: (lib) =>
          Effect.gen(function* () {
            const tape = yield* fill(lib, "a", 1, 3)
            for (let n = 3; n < 9; n++) yield* tape.append(numbered(n, n + 1))
          }),
        damage: (root) =>
          Effect.gen(function* () {
            const [n] = yield* root.journal.list
            const size = (yield* root.journal.size(n!))!
            const bytes = withoutRoom(yield* root.journal.read(n!, 0, size))
            const damaged = flipped(bytes, Math.floor(bytes.length * 0.7))
            yield* Effect.flatMap(root.journal.create(n!, damaged), (writer) => writer.close)
          }),
        lose: [undefined]
      })
      const { damaged, tapes } = yield* recover
      assert.lengthOf(damaged, 1)
      assert.isAbove(damaged[0]!.offset, 0)
      const { lost, records } = tapes[0]!
      assert.deepStrictEqual(
        lost.map((loss) => [loss.ordinal, loss.records]),
        [[lost[0]!.ordinal, 1]]
      )
      assert.strictEqual(records, 8)
      const gone = lost[0]!.ordinal
      assert.isAtLeast(gone, 3)
      yield* open((lib) =>
        Effect.gen(function* () {
          assert.strictEqual(yield* tagOf(recordsOf(lib, "a")), "RecordsLost")
          assert.deepStrictEqual(yield* recordsOf(lib, "a", { allowGaps: true }), [
            ...numbered(0, gone),
            ...numbered(gone + 1, 9)
          ])
        })
      )
    })
  )
}
