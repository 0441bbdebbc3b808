/** Segments that are sealed elsewhere than on the event loop: the result must be the same. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { Worker } from "node:worker_threads"
import * as EventStore from "litetapes/EventStore"
import * as Lib from "litetapes/Lib"
import * as NodeStorage from "litetapes/NodeStorage"
import { defaultWorth, SealThread } from "../../src/layers/sealing/SealThread.ts"
import { startSealThread } from "../../src/layers/sealing/startSealThread.ts"
import { Sealing, type Sealer } from "../../src/services/ports/Sealing.ts"
import * as Tape from "litetapes/Tape"
import { changeRoot } from "../support/changeRoot.ts"
import { existingTape, recordsOf, type StorageService, storeOf, tagOf, tapeOf, withLib } from "../support/openLib.ts"
import { refusal } from "../support/watchedStorage.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const newPlace = temporaryFolder()
const always = { ...defaultWorth, bytesMin: 0, startBytesMin: 0 }

/** Counts the jobs that are begun, finished with a result, and dropped. */
const counted = (place: Sealer) => {
  const counts = { begun: 0, found: 0, dropped: 0 }
  const watched: Sealer = {
    begin: (bytes, role, before) => {
      const job = place.begin(bytes, role, before)
      if (job === undefined) return undefined
      counts.begun++
      return {
        add: job.add,
        finish: Effect.tap(job.finish, (sealed) =>
          Effect.sync(() => {
            if (sealed !== undefined) counts.found++
          })
        ),
        drop: Effect.andThen(
          Effect.sync(() => counts.dropped++),
          job.drop
        )
      }
    }
  }
  return { counts, watched }
}

const events = (from: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({ type: "Noted", data: { n: from + n, text: "x".repeat(200) } }))

/** Writes events to two tapes and records to a third, over several dynamic segments, then verifies everything. */
const useAndVerify = (place: Sealer) =>
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

describe("segments that are sealed off the event loop", () => {
  it.live("verify like any other if a thread seals them", () =>
    Effect.gen(function* () {
      const thread = new SealThread(startSealThread, always)
      const { counts, watched } = counted(thread)
      const { segments, ...found } = yield* Effect.ensuring(useAndVerify(watched), thread.end)
      assert.deepStrictEqual(found, whole)
      assert.isAbove(segments, 1)
      assert.isAbove(counts.begun, 3)
      assert.strictEqual(counts.found, counts.begun)
    })
  )

  it.live("are sealed on the event loop after all if the sealer returns no result", () =>
    Effect.gen(function* () {
      const lost = { add: () => Effect.void, finish: Effect.succeed(undefined), drop: Effect.void }
      const { counts, watched } = counted({ begin: () => lost })
      const { segments, ...found } = yield* useAndVerify(watched)
      assert.deepStrictEqual(found, whole)
      assert.isAbove(segments, 1)
      assert.isAbove(counts.begun, 3)
    })
  )

  it.live("are sealed on the event loop if the thread dies during the work", () =>
    Effect.gen(function* () {
      let ends: () => void = () => {}
      const thread = new SealThread((onReply, onEnd) => {
        ends = onEnd
        return startSealThread(onReply, onEnd)
      }, always)
      const { counts, watched } = counted(thread)
      const dying: Sealer = {
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

  it.live("are dropped by the thread if they cannot be written, and the writer stops as usual", () =>
    Effect.gen(function* () {
      const thread = new SealThread(startSealThread, always)
      const { counts, watched } = counted(thread)
      const storage = yield* NodeStorage.make
      const full: StorageService = {
        open: (location, mode) =>
          Effect.map(storage.open(location, mode), (root) =>
            changeRoot(root, {
              segments: {
                write: (tape, name, fill) =>
                  root.segments.write(tape, name, (append) =>
                    fill((chunk) => Effect.andThen(append(chunk), Effect.fail(refusal("segments.write"))))
                  )
              }
            })
          )
      }
      const path = newPlace()
      const tag = yield* withLib(full, path, (lib) =>
        Effect.gen(function* () {
          const tape = yield* tapeOf(lib, "plain")
          yield* tape.append([{ n: 1 }])
          return yield* tagOf(tape.appendSegment)
        })
      ).pipe(Effect.provideService(Sealing, Effect.succeed(watched)), Effect.ensuring(thread.end))
      assert.strictEqual(tag, "WriterPoisoned")
      assert.deepInclude(counts, { begun: 1, dropped: 1, found: 0 })
      const found = yield* withLib(storage, path, (lib) => recordsOf(lib, "plain"))
      assert.deepStrictEqual(found, [{ n: 1 }])
    })
  )

  for (const [sealing, wanted] of [
    ["thread", 1],
    ["event-loop", 0]
  ] as const) {
    it.live(`NodeStorage, sealing: ${sealing}: starts ${wanted} threads for 8 MiB, which end with the lib`, () =>
      Effect.gen(function* () {
        const workers: Array<Worker> = []
        const seen = (message: unknown): void => void workers.push((message as { readonly worker: Worker }).worker)
        subscribe("worker_threads", seen)
        const path = newPlace()
        const layer = Layer.provide(EventStore.layer(path), NodeStorage.layerWith({ sealing }))
        const threads = Effect.gen(function* () {
          const store = yield* EventStore.EventStore
          yield* store.append("small-1", events(0, 10))
          yield* Effect.provideService(
            Effect.flatMap(Tape.make("small"), (tape) => tape.appendSegment),
            Lib.Lib,
            store.lib
          )
          const before = workers.length
          for (let batch = 0; batch < 20; batch++) yield* store.append("order-1", events(batch * 2000, 2000))
          yield* store.lib.close
          return [before, workers.length]
        })
        const counts = yield* threads.pipe(
          Effect.provide(layer),
          Effect.ensuring(Effect.sync(() => unsubscribe("worker_threads", seen)))
        )
        assert.deepStrictEqual(counts, [0, wanted])
        // The number of a thread that has ended.
        for (const { threadId } of workers) assert.strictEqual(threadId, -1)
        const { ok } = yield* withLib(yield* NodeStorage.make, path, (lib) => lib.verify())
        assert.isTrue(ok)
      })
    )
  }
})
