/**
 * A power loss at any step of an import leaves a beginning of the input, whole batches of it, with everything that was
 * reported as durable. The same import then appends the rest, each event once and in order.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Interchange from "litetapes/Interchange"
import { type DiskState, PowerLoss, SimulatedDisk } from "litetapes/testing"
import { Storage } from "litetapes/Storage"
import * as Logger from "effect/Logger"
import { assert, describe, it } from "vitest"
import { runs } from "../../support/runs.ts"

const lineOf = (n: number) =>
  JSON.stringify({ $type: "Placed", data: { n }, id: `id-${n}`, stream: `order-${n % 3}`, tags: ["web"] })

interface Image {
  readonly state: DiskState.DiskState
  /** Events that were reported as durable. */
  readonly durable: number
}

const inLib = <A, E>(disk: SimulatedDisk.SimulatedDisk, use: Effect.Effect<A, E, EventStore.EventStore>) =>
  Effect.gen(function* () {
    const storage = yield* Effect.provide(FolderStorage.make, disk.layer)
    const store = yield* Effect.provideService(EventStore.open("/lib", { closeBytes: 4000 }), Storage, storage)
    return yield* Effect.provideService(use, EventStore.EventStore, store)
  }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))

const importing = (count: number, options: Interchange.ImportOptions) =>
  Interchange.importLines(Stream.fromIterable(Array.from({ length: count }, (_, n) => lineOf(n))), options)

/** Imports, and returns what a power loss at some of the steps may leave. */
const imagesOf = Effect.fnUntraced(function* (count: number, batchEvents: number, every: number, seed: number) {
  const images: Array<Image> = []
  const random = fc.sample(fc.double({ min: 0, max: 0.999, noNaN: true }), { numRuns: 200, seed })
  let drawn = 0
  let durable = 0
  const disk = SimulatedDisk.make({
    onStep: (step, { state }) => {
      if (!SimulatedDisk.isChange(step) || step.index % every !== 0) return undefined
      const losses = PowerLoss.powerLosses(state(), { limit: 2, random: () => random[drawn++ % random.length]! })
      for (const left of losses) images.push({ state: left, durable })
      return undefined
    }
  })
  const onProgress = ({ done }: Interchange.ImportProgress) => Effect.sync(() => void (durable = done.events))
  yield* inLib(disk, importing(count, { batchEvents, onProgress }))
  return images
})

/** Opens what is left, and imports again in batches of another size. */
const check = Effect.fnUntraced(function* ({ durable, state }: Image, count: number, batchEvents: number) {
  yield* inLib(
    SimulatedDisk.make({ state }),
    Effect.gen(function* () {
      const store = yield* EventStore.EventStore
      const left = yield* store.position
      assert.isAtLeast(left, durable)
      assert.isTrue(left === count || left % batchEvents === 0, `${left} events are no whole batches`)
      const { appended, repeated } = yield* importing(count, { batchEvents: batchEvents + 2 })
      assert.deepStrictEqual([appended, repeated], [count - left, left])
      const events = yield* Stream.runCollect(store.readAll())
      assert.deepStrictEqual(
        events.map(({ data, id, revision, stream }) => [data, id, revision, stream]),
        Array.from({ length: count }, (_, n) => [{ n }, `id-${n}`, Math.floor(n / 3), `order-${n % 3}`])
      )
    })
  )
})

describe("an import that crashes", () => {
  it("leaves whole batches, and continues", async () => {
    let images = 0
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 4, max: 20 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 5, max: 12 }),
        fc.integer(),
        async (count, batchEvents, every, seed) => {
          const program = Effect.gen(function* () {
            for (const image of yield* imagesOf(count, batchEvents, every, seed)) {
              images++
              yield* check(image, count, batchEvents)
            }
          })
          await Effect.runPromise(program)
        }
      ),
      { numRuns: Math.ceil(runs / 25) }
    )
    assert.isAbove(images, 20)
  })
})
