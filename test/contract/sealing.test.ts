/** Closing a lib's segments with another place to seal them than the event loop: what comes out must be the same. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NodeStorage from "litetapes/NodeStorage"
import { SealThread } from "../../src/layers/internal/node/SealThread.ts"
import { startSealThread } from "../../src/layers/internal/node/startSealThread.ts"
import { Sealing, type SealPlace } from "../../src/services/Sealing.ts"
import { existingTape, recordsOf, storeOf, tapeOf, withLib } from "../support/openLib.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()

/** Counts what is begun and found out there. */
const counted = (place: SealPlace) => {
  const counts = { begun: 0, found: 0, added: 0 }
  const watched: SealPlace = {
    begin: (bytes, role, before) => {
      const job = place.begin(bytes, role, before)
      if (job === undefined) return undefined
      counts.begun++
      return {
        add: (lines, rows) => Effect.suspend(() => (counts.added++, job.add(lines, rows))),
        finish: Effect.tap(job.finish, (sealed) =>
          Effect.sync(() => {
            if (sealed !== undefined) counts.found++
          })
        ),
        drop: job.drop
      }
    }
  }
  return { counts, watched }
}

const events = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({ type: "Noted", data: { n: from + n, text: "x".repeat(200) } }))

/** Events of two tapes and records of a third, over several dynamic segments; then everything is verified. */
const useAndVerify = (place: SealPlace) =>
  Effect.gen(function* () {
    const storage = yield* NodeStorage.make
    const path = newPlace()
    yield* withLib(
      storage,
      path,
      (lib) =>
        Effect.gen(function* () {
          const [store, tape] = [yield* storeOf(lib), yield* tapeOf(lib, "plain")]
          for (let round = 0; round < 12; round++) {
            yield* store.appendAll([
              { stream: `order-${round % 5}`, events: events(round * 100, 60) },
              { stream: `note-${round % 3}`, events: events(round * 100, 40) }
            ])
            yield* tape.append(Array.from({ length: 50 }, (_, n) => ({ round, n, text: "y".repeat(100) })))
          }
        }),
      { closeBytes: 100_000 }
    ).pipe(Effect.provideService(Sealing, Effect.succeed(place)))
    return yield* withLib(storage, path, (lib) =>
      Effect.gen(function* () {
        const report = yield* lib.verify()
        const order = yield* existingTape(lib, "order")
        return {
          ok: report.ok,
          segments: (yield* order.segments).length,
          records: (yield* Effect.forEach(["note", "order", "plain"], (name) => recordsOf(lib, name))).map(
            ({ length }) => length
          )
        }
      })
    )
  })

const whole = { ok: true, records: [480, 720, 600] }

describe("segments that are sealed beside the event loop", () => {
  it.live("are verified as any other: by a thread", () =>
    Effect.gen(function* () {
      const thread = new SealThread(startSealThread, { bytesMin: 0, startBytesMin: 0 })
      const { counts, watched } = counted(thread)
      const { segments, ...found } = yield* Effect.ensuring(useAndVerify(watched), thread.end)
      assert.deepStrictEqual(found, whole)
      assert.isAbove(segments, 1)
      assert.isAbove(counts.begun, 3)
      assert.strictEqual(counts.found, counts.begun)
    })
  )

  it.live("are sealed on it after all where nothing was found out there", () =>
    Effect.gen(function* () {
      const lost = { add: () => Effect.void, finish: Effect.succeed(undefined), drop: Effect.void }
      const { counts, watched } = counted({ begin: () => lost })
      const { segments, ...found } = yield* useAndVerify(watched)
      assert.deepStrictEqual(found, whole)
      assert.isAbove(segments, 1)
      assert.isAbove(counts.begun, 3)
    })
  )

  it.live("are sealed on it where the thread dies while it is at it", () =>
    Effect.gen(function* () {
      let ends: () => void = () => {}
      const thread = new SealThread(
        (onReply, onEnd) => {
          ends = onEnd
          return startSealThread(onReply, onEnd)
        },
        { bytesMin: 0, startBytesMin: 0 }
      )
      const { counts, watched } = counted(thread)
      const dying: SealPlace = {
        begin: (...what) => {
          const job = watched.begin(...what)
          if (job === undefined) return undefined
          return {
            ...job,
            add: (...given) =>
              Effect.andThen(
                job.add(...given),
                Effect.sync(() => ends())
              )
          }
        }
      }
      const { segments, ...found } = yield* Effect.ensuring(useAndVerify(dying), thread.end)
      assert.deepStrictEqual(found, whole)
      assert.isAbove(segments, 1)
      assert.isAbove(counts.begun, 0)
      assert.strictEqual(counts.found, 0)
    })
  )
})
