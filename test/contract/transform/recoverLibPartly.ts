/** Libs of which recovery cannot use everything, and recoveries that were cut short. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Lib from "litetapes/Lib"
import { Storage } from "litetapes/Storage"
import { failing } from "../../support/failingStorage.ts"
import { spoilEvents } from "../../support/forgedBatch.ts"
import { existingTape, flush, recordsOf, storeOf, type StorageService, withLib } from "../../support/openLib.ts"
import { crashed, fill, filesOf, putFiles, tamper, type TransformKind } from "../../support/transformGround.ts"

const recover = (storage: StorageService, at: string) => Effect.provideService(Lib.recover(at), Storage, storage)

export const recoverLibPartlyContract = ({ ground, place }: TransformKind): void => {
  describe("recovery of a lib", () => {
    it.live(
      "does not take a committed line that is no event for one, says why, and keeps what stands in front of it",
      () =>
        Effect.gen(function* () {
          const found = yield* ground
          const { loseMeta, storage } = found
          const [at, copied] = [place(), place()]
          const id = yield* crashed(found, at, copied, (lib) =>
            Effect.gen(function* () {
              yield* fill(lib, "a", 2, 2)
              const store = yield* storeOf(lib)
              yield* store.append("order-1", [{ type: "Made" }])
              yield* flush(lib, "order")
              yield* store.append("order-1", [{ type: "Paid" }])
              yield* store.append("order-1", [{ type: "Sent" }])
              return (yield* existingTape(lib, "order")).id
            })
          )
          yield* tamper(storage, copied, (root) => spoilEvents(root, "Sent"))
          yield* loseMeta(copied, undefined)
          const { aside, invalid, positionsMissing, tapes, unadopted } = yield* recover(storage, copied)
          assert.deepStrictEqual([invalid, unadopted], [[], []])
          const order = tapes.find(({ name }) => name === "order")!
          assert.deepInclude(order, { tape: id, records: 2, fromDynamic: 1, unplaced: 1, nextPosition: 3 })
          assert.match(order.unreadable!, /^litelib\.dynamic-000001\.jsonl at byte \d+: /)
          assert.strictEqual(positionsMissing, 1)
          assert.lengthOf(aside, 1)
          yield* withLib(storage, copied, (lib) =>
            Effect.gen(function* () {
              assert.lengthOf(yield* recordsOf(lib, "a"), 4)
              const store = yield* storeOf(lib)
              const { firstPosition, firstRevision } = yield* store.append("order-1", [{ type: "Again" }])
              assert.deepStrictEqual([firstPosition, firstRevision], [3, 2])
            })
          )
        })
    )

    it.live("lists a tape whose last segment is gone, so that it can be recovered, and brings the others back", () =>
      Effect.gen(function* () {
        const { loseMeta, storage } = yield* ground
        const at = place()
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            yield* fill(lib, "a", 2, 2)
            const store = yield* storeOf(lib)
            yield* store.append("order-1", [{ type: "Made" }])
            yield* flush(lib, "order")
            yield* store.append("order-1", [{ type: "Paid" }])
          })
        )
        yield* tamper(storage, at, (root) => root.segments.remove("order", "seg-000002.jsonl"))
        yield* loseMeta(at, undefined)
        const { invalid, tapes } = yield* recover(storage, at)
        assert.deepStrictEqual([tapes.map(({ name }) => name), invalid.map(({ tape }) => tape)], [["a"], ["order"]])
        yield* withLib(storage, at, (lib) =>
          Effect.gen(function* () {
            assert.lengthOf(yield* recordsOf(lib, "a"), 4)
            assert.strictEqual((yield* lib.recoverTape("order")).records, 1)
          })
        )
      })
    )

    it.live("keeps what was committed behind a segment that is gone: it is all there once that one is back", () =>
      Effect.gen(function* () {
        const found = yield* ground
        const { loseMeta, storage } = found
        const [at, copied] = [place(), place()]
        yield* crashed(found, at, copied, (lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            yield* store.append("order-1", [{ type: "Made" }])
            yield* flush(lib, "order")
            yield* store.append("order-1", [{ type: "Paid" }])
          })
        )
        const first = "seg-000001.jsonl"
        const bytes = (yield* filesOf(storage, copied, "order")).get(first)!
        yield* tamper(storage, copied, (root) => root.segments.remove("order", first))
        yield* loseMeta(copied, undefined)
        const { invalid, tapes } = yield* recover(storage, copied)
        assert.deepStrictEqual(invalid, [])
        assert.deepInclude(tapes[0], { name: "order", records: 2, fromDynamic: 1, unplaced: 0, nextPosition: 2 })
        yield* putFiles(storage, copied, "order", [[first, bytes]])
        yield* withLib(storage, copied, (lib) =>
          Effect.gen(function* () {
            assert.isTrue((yield* lib.verify()).ok)
            assert.lengthOf(yield* recordsOf(lib, "order"), 2)
          })
        )
      })
    )

    it.live("that is cut short at any step and done again finds what it found", () =>
      Effect.gen(function* () {
        const found = yield* ground
        const { copy, loseMeta, storage } = found
        const [at, copied] = [place(), place()]
        yield* crashed(found, at, copied, (lib) =>
          Effect.gen(function* () {
            const store = yield* storeOf(lib)
            yield* store.append("order-1", [{ type: "Made" }])
            yield* store.append("bill-1", [{ type: "Billed" }, { type: "Paid" }])
          })
        )
        yield* tamper(storage, copied, (root) => spoilEvents(root, "Billed"))
        const seen = ({ positionsMissing, tapes, unadopted }: Lib.RecoverLibReport) => ({
          positionsMissing,
          tapes: tapes.map(({ name, records, tape }) => ({ name, records, tape })),
          unadopted
        })
        const undisturbed = place()
        yield* copy(copied, undisturbed)
        yield* loseMeta(undisturbed, undefined)
        const expected = seen(yield* recover(storage, undisturbed))
        const { hasFailed, plan, storage: unsure } = failing(storage)
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
              const again = place()
              yield* copy(copied, again)
              yield* loseMeta(again, undefined)
              plan({ operation, nth, when })
              const first = yield* Effect.exit(recover(unsure, again))
              if (!hasFailed()) break
              cuts++
              assert.strictEqual(first._tag, "Failure", cut)
              const second = yield* Effect.result(recover(storage, again))
              // The new lib was there already: then it opens, and goes on where the undisturbed one does.
              if (second._tag === "Failure") assert.strictEqual(second.failure._tag, "NotDamaged", cut)
              else assert.deepStrictEqual(seen(second.success), expected, cut)
              const next = yield* withLib(storage, again, (lib) =>
                Effect.flatMap(storeOf(lib), (store) => store.append("order-1", [{ type: "Again" }]))
              )
              assert.deepInclude(next, { firstPosition: 3, firstRevision: 1 }, cut)
            }
          }
        }
        assert.isAbove(cuts, 10)
      })
    )
  })
}
