/** Tapes that contain more than their lib knows of: the lib's own files are older, or lost their last commits. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { checkRecovery, checkWhole, recoverAt } from "../../support/damagedLib.ts"
import { flush, type LibService, recordsOf, storeOf, tapeOf } from "../../support/openLib.ts"
import {
  crashed,
  filesOf,
  type Ground,
  numbered,
  putFiles,
  tamper,
  type TransformKind,
  withLib
} from "../../support/transformGround.ts"

/** Appends records or events `from` to before `to`, each as a batch of its own. */
const put = (lib: LibService, name: string, from: number, to: number) =>
  Effect.gen(function* () {
    const store = yield* storeOf(lib)
    for (let n = from; n < to; n++) {
      if (name === "order") yield* store.append("order-1", [{ type: "Noted", data: { n } }])
      else yield* Effect.flatMap(tapeOf(lib, name), (tape) => tape.append(numbered(n, n + 1)))
    }
  })

/** Makes a crashed lib that looks like a copy which took the tape's folder later than the lib's own files. */
const aheadOf = Effect.fnUntraced(function* (ground: Ground, place: () => string, name: string, segmentFirst: boolean) {
  const { copy, storage } = ground
  const [at, older, newer] = [place(), place(), place()]
  yield* crashed(ground, at, newer, (lib) =>
    Effect.gen(function* () {
      yield* put(lib, name, 0, 10)
      if (segmentFirst) yield* flush(lib, name)
      yield* put(lib, name, 10, 12)
      yield* copy(at, older)
      yield* put(lib, name, 12, 13)
      yield* flush(lib, name)
    })
  )
  yield* putFiles(storage, older, name, yield* filesOf(storage, newer, name))
  const meta = yield* tamper(storage, newer, (root) => root.meta.read(name))
  yield* tamper(storage, older, (root) =>
    Effect.flatMap(root.meta.read(name), (old) => root.meta.replace(name, old?.version, meta!.bytes))
  )
  return older
})

export const recoverAheadContract = ({ ground, place }: TransformKind): void => {
  describe("recover of a tape that contains more than its lib knows of", () => {
    for (const segmentFirst of [true, false]) {
      for (const hasMeta of [true, false]) {
        const named = `${segmentFirst ? "two segments" : "one segment"}, ${hasMeta ? "with" : "without"} its meta`
        it.live(`keeps its records, once: ${named}`, () =>
          Effect.gen(function* () {
            const found = yield* ground
            const at = yield* aheadOf(found, place, "a", segmentFirst)
            if (!hasMeta) yield* found.loseMeta(at, "a")
            yield* withLib(found.storage, at, (lib) =>
              Effect.gen(function* () {
                yield* checkRecovery(lib, { records: 13, fromDynamic: 0, lost: [], gaps: [] }, numbered(0, 13))
                yield* put(lib, "a", 13, 15)
                yield* checkWhole(lib, numbered(0, 15))
              })
            )
            yield* withLib(found.storage, at, (lib) =>
              Effect.map(recordsOf(lib, "a"), (records) => assert.deepStrictEqual(records, numbered(0, 15)))
            )
          })
        )

        it.live(`gives no position of its events a second time: ${named}`, () =>
          Effect.gen(function* () {
            const found = yield* ground
            const at = yield* aheadOf(found, place, "order", segmentFirst)
            if (!hasMeta) yield* found.loseMeta(at, "order")
            const error = yield* withLib(found.storage, at, (lib) => Effect.flip(lib.recoverTape("order")))
            assert.strictEqual(error._tag, "TapeInvalid")
            assert.match(error.message, /reach position 12, but the lib's next position is 12: .*run Lib\.recover/)
            // This follows the advice of the message.
            yield* found.loseMeta(at, undefined)
            const { positionsMissing } = yield* recoverAt(found.storage, at)
            assert.strictEqual(positionsMissing, hasMeta ? 0 : 13)
            yield* withLib(found.storage, at, (lib) =>
              Effect.gen(function* () {
                if (!hasMeta) yield* lib.recoverTape("order")
                yield* put(lib, "order", 13, 15)
                const events = yield* Effect.flatMap(storeOf(lib), (store) => Stream.runCollect(store.readAll()))
                const numbers = events.map(({ data, position, revision }) => [data, position, revision])
                assert.deepStrictEqual(
                  numbers,
                  Array.from({ length: 15 }, (_, n) => [{ n }, n, n])
                )
                assert.isTrue((yield* lib.verify()).ok)
              })
            )
          })
        )
      }
    }
  })
}
