/**
 * A health check that does not lie: it succeeds only after an append was synced, and says why it fails. The disk is a
 * simulated one, so that it can fail on request. A real service passes `statfs` of the lib's folder as `freeBytes`.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Disk from "litetapes/Disk"
import * as EventStore from "litetapes/EventStore"
import * as FolderStorage from "litetapes/FolderStorage"
import * as Lib from "litetapes/Lib"
import * as Tape from "litetapes/Tape"
import { SimulatedDisk } from "litetapes/testing"
import * as assert from "node:assert/strict"
import { statfs } from "node:fs/promises"
import { tmpdir } from "node:os"

interface Health {
  /** Whether an append can be acknowledged now. If not, send no requests here. */
  readonly ready: boolean
  /** Why it is not ready, or what somebody has to look at soon. */
  readonly problems: ReadonlyArray<string>
  /** For the graphs. */
  readonly batch: number
  readonly position: number
  readonly freeBytes: number
}

/** Bytes that may be needed soon: four dynamic segments wait to be closed, each as large as the segments made of it. */
const bytesNeeded = 2 * 4 * 64 * 1024 * 1024

/** Makes the check. `freeBytes` returns the room on the disk of the lib. */
const makeCheck = Effect.fnUntraced(function* (freeBytes: Effect.Effect<number>) {
  const lib = yield* Lib.Lib
  const heartbeat = yield* Tape.makeOrCreate("heartbeat")
  let batchBefore = (yield* lib.durable).batch
  return Effect.gen(function* () {
    // If others have appended since the last check, that proves it; then `commit` only tells whether the writer has
    // stopped, and writes nothing.
    const { batch: batchNow } = yield* lib.durable
    const records = batchNow > batchBefore ? [] : [{ tape: heartbeat.name, records: [{ $type: "Heartbeat" }] }]
    // In a fibre of its own: an append that waits for a disk that hangs cannot be interrupted.
    const proof = yield* Effect.forkDetach(lib.commit(records))
    const failure = yield* Fiber.join(proof).pipe(
      Effect.timeout("2 seconds"),
      Effect.match({ onFailure: ({ _tag, message }) => `${_tag}: ${message}`, onSuccess: () => undefined })
    )
    const { batch, position } = yield* lib.durable
    batchBefore = batch
    const stuck = yield* lib.stuck
    const free = yield* freeBytes
    const problems = [
      ...(failure === undefined ? [] : [failure]),
      ...stuck.map(({ file, why }) => `${file} cannot be closed: ${why}`),
      ...lib.report.warnings.map(({ place, why }) => `${place}: ${why}`),
      ...(free < bytesNeeded ? [`only ${free} bytes are free`] : [])
    ]
    const health: Health = { ready: failure === undefined, problems, batch, position, freeBytes: free }
    return health
  })
})

/** The room on the disk of a real folder. */
const freeBytesOf = (folder: string): Effect.Effect<number> =>
  Effect.orDie(
    Effect.map(
      Effect.tryPromise(() => statfs(folder)),
      ({ bavail, bsize }) => bavail * bsize
    )
  )

let isBroken = false
const { disk } = SimulatedDisk.make({
  onStep: ({ operation }) => (isBroken && operation === "datasync" ? { code: "EIO" } : undefined)
})
const storage = FolderStorage.layer.pipe(Layer.provide(Layer.succeed(Disk.Disk, disk)))
const runtime = ManagedRuntime.make(EventStore.layer("/orders").pipe(Layer.provide(storage)))
const check = await runtime.runPromise(makeCheck(freeBytesOf(tmpdir())))

const first = await runtime.runPromise(check)
assert.equal(first.ready, true)
const second = await runtime.runPromise(check)
assert.ok(second.batch > first.batch, "without other appends, the check makes one")
console.log("Ready.")

isBroken = true
const broken = await runtime.runPromise(check)
assert.equal(broken.ready, false)
console.log(`Not ready. ${broken.problems[0]}`)

// The disk works again. That alone changes nothing: the writer has stopped, and reads still succeed.
isBroken = false
const stopped = await runtime.runPromise(check)
assert.match(stopped.problems[0]!, /^WriterPoisoned/)
await runtime.runPromise(Effect.flatMap(EventStore.EventStore, (store) => store.position))
console.log("Still not ready, although reads succeed and the disk works: the writer has stopped.")

await runtime.runPromise(Effect.flatMap(Lib.Lib, (lib) => lib.reopen))
assert.equal((await runtime.runPromise(check)).ready, true)
console.log("Ready again.")
await runtime.dispose()
