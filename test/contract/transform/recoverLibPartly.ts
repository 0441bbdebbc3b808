/** Recoveries of a lib that cannot use everything, and recoveries that are cut short. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Lib from "litetapes/Lib"
import { damagedLib, recoverAt, segmentFile } from "../../support/damagedLib.ts"
import { failing } from "../../support/failingStorage.ts"
import { spoilEvents } from "../../support/forgedBatch.ts"
import { existingTape, flush, type LibService, recordsOf, storeOf } from "../../support/openLib.ts"
import { fill, filesOf, putFiles, type TransformKind } from "../../support/transformGround.ts"

export const recoverLibPartlyContract = (kind: TransformKind): void => {
  describe("recovery of a lib", () => {
    unusableContract(kind)
    cutShortContract(kind)
  })
}

/** Appends one event that is flushed into a segment, and one that is in no segment yet. */
const madeAndPaid = (lib: LibService) =>
  Effect.gen(function* () {
    const store = yield* storeOf(lib)
    yield* store.append("order-1", [{ type: "Made" }])
    yield* flush(lib, "order")
    yield* store.append("order-1", [{ type: "Paid" }])
    return store
  })

const unusableContract = (kind: TransformKind): void => {
  it.live(
    "rejects a committed line that is not an event, reports the reason, and keeps the lines that come before it",
    () =>
      Effect.gen(function* () {
        const { left, open, recover } = yield* damagedLib(kind, {
          crash: (lib) =>
            Effect.gen(function* () {
              yield* fill(lib, "a", 2, 2)
              const store = yield* madeAndPaid(lib)
              yield* store.append("order-1", [{ type: "Sent" }])
              return (yield* existingTape(lib, "order")).id
            }),
          damage: (root) => spoilEvents(root, "Sent"),
          lose: [undefined]
        })
        const { aside, invalid, positionsMissing, tapes, unadopted } = yield* recover
        assert.deepStrictEqual([invalid, unadopted], [[], []])
        const order = tapes.find(({ name }) => name === "order")!
        assert.deepInclude(order, { tape: left, records: 2, fromDynamic: 1, unplaced: 1, nextPosition: 3 })
        assert.match(order.unreadable!, /^litelib\.dynamic-000001\.jsonl at byte \d+: /)
        assert.strictEqual(positionsMissing, 1)
        assert.lengthOf(aside, 1)
        yield* open((lib) =>
          Effect.gen(function* () {
            assert.lengthOf(yield* recordsOf(lib, "a"), 4)
            const store = yield* storeOf(lib)
            const { firstPosition, firstRevision } = yield* store.append("order-1", [{ type: "Again" }])
            // The line that is not an event may have had revision 2.
            assert.deepStrictEqual([firstPosition, firstRevision], [3, 3])
          })
        )
      })
  )

  it.live("lists a tape whose last segment is missing, so that it can be recovered, and recovers the others", () =>
    Effect.gen(function* () {
      const { open, recover } = yield* damagedLib(kind, {
        write: (lib) => Effect.andThen(fill(lib, "a", 2, 2), madeAndPaid(lib)),
        damage: (root) => root.segments.remove("order", segmentFile(2)),
        lose: [undefined]
      })
      const { invalid, tapes } = yield* recover
      assert.deepStrictEqual([tapes.map(({ name }) => name), invalid.map(({ tape }) => tape)], [["a"], ["order"]])
      assert.match(invalid[0]!.why, /seg-000002\.jsonl cannot be read.*or run recoverTape/)
      yield* open((lib) =>
        Effect.gen(function* () {
          const refused = yield* Effect.flip(lib.salvageTape("order"))
          assert.match(refused.message, /run recoverTape/)
          assert.lengthOf(yield* recordsOf(lib, "a"), 4)
          assert.strictEqual((yield* lib.recoverTape("order")).records, 1)
        })
      )
    })
  )

  it.live("keeps records that were committed after a missing segment: all are there once that is restored", () =>
    Effect.gen(function* () {
      const first = segmentFile(1)
      const { at, change, loseMeta, open, recover, storage } = yield* damagedLib(kind, { crash: madeAndPaid })
      const bytes = (yield* filesOf(storage, at, "order")).get(first)!
      yield* change((root) => root.segments.remove("order", first))
      yield* loseMeta(at, undefined)
      const { invalid, tapes } = yield* recover
      assert.deepStrictEqual(invalid, [])
      assert.deepInclude(tapes[0], { name: "order", records: 2, fromDynamic: 1, unplaced: 0, nextPosition: 2 })
      yield* putFiles(storage, at, "order", [[first, bytes]])
      yield* open((lib) =>
        Effect.gen(function* () {
          assert.isTrue((yield* lib.verify()).ok)
          assert.lengthOf(yield* recordsOf(lib, "order"), 2)
        })
      )
    })
  )
}

const cutShortContract = (kind: TransformKind): void => {
  it.live("returns the same result if it is cut short at any step and run again", () =>
    Effect.gen(function* () {
      const damaged = yield* damagedLib(kind, {
        crash: (lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            yield* store.append("order-1", [{ type: "Made" }])
            yield* store.append("bill-1", [{ type: "Billed" }, { type: "Paid" }])
          }),
        damage: (root) => spoilEvents(root, "Billed")
      })
      /** A copy without its meta. */
      const lost = Effect.tap(damaged.copied, ({ at, loseMeta }) => loseMeta(at, undefined))
      const seen = ({ positionsMissing, tapes, unadopted }: Lib.RecoverLibReport) => ({
        positionsMissing,
        tapes: tapes.map(({ name, records, tape }) => ({ name, records, tape })),
        unadopted
      })
      const undisturbed = yield* lost
      const expected = seen(yield* undisturbed.recover)
      const { hasFailed, plan, storage: unsure } = failing(damaged.storage)
      let cuts = 0
      for (const operation of [
        "segments.write",
        "meta.replace",
        "quarantine.keep",
        "hint.write",
        "journal.drop"
      ] as const) {
        for (const when of ["before", "after"] as const) {
          for (let nth = 1; nth === 1 || hasFailed(); nth++) {
            const cut = `${when} ${operation} ${nth}`
            const again = yield* lost
            plan({ operation, nth, when })
            const first = yield* Effect.exit(recoverAt(unsure, again.at))
            if (!hasFailed()) break
            cuts++
            assert.strictEqual(first._tag, "Failure", cut)
            const second = yield* Effect.result(again.recover)
            // If the new lib existed already, it opens, and continues where the uninterrupted one does.
            if (second._tag === "Failure") assert.strictEqual(second.failure._tag, "NotDamaged", cut)
            else assert.deepStrictEqual(seen(second.success), expected, cut)
            const next = yield* again.open((lib) =>
              Effect.flatMap(storeOf(lib), (store) => store.append("order-1", [{ type: "Again" }]))
            )
            assert.deepInclude(next, { firstPosition: 3, firstRevision: 1 }, cut)
          }
        }
      }
      assert.isAbove(cuts, 10)
    })
  )
}
