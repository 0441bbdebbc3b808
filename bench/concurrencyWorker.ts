/**
 * Measures 256 writers alone, while their tape is repacked repeatedly, and together with slow readers: in one process,
 * on one lib. Writes the result to file descriptor 3. Started by `bench/concurrency.ts`.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { writeSync } from "node:fs"
import { Lib, Tape } from "./litetapes.ts"
import { watchLoad } from "./load.ts"
import { byStream } from "./peers/byStream.ts"
import { fibreWriters } from "./peers/fibres.ts"
import { openLib } from "./peers/litetapes.ts"
import { appends } from "./workloads/append.ts"
import { bulkEvents } from "./workloads/events.ts"
import type { Measured } from "./workloads/workload.ts"

export interface ConcurrencyJob {
  readonly folder: string
  /** Events on the tape when the measurement starts. */
  readonly events: number
  readonly appendMillis: number
  readonly readers: number
}

export interface Phase extends Measured {
  /** Memory in use at the end of the phase minus that at its start, each after a garbage collection. */
  readonly grownMB: number
  readonly elsewhere?: number
}

export interface ConcurrencyResult {
  readonly alone: Phase
  readonly repacking: Phase
  readonly repacks: number
  readonly reading: Phase
  /** Events that the slow readers read meanwhile. */
  readonly read: number
}

const job = JSON.parse(process.argv[2]!) as ConcurrencyJob
const { store, run, close } = await openLib(job.folder)

const usedMB = (): number => {
  globalThis.gc!()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}

/** Before the repack the writers use another tape, so that the tape to repack does not grow. */
const elsewhere = (writer: number): string => `elsewhere-${writer}`

const writing = async (streamOf?: (writer: number) => string): Promise<Phase> => {
  const append = () => Promise.reject(new Error("the writers append through fibres"))
  const writers = fibreWriters(({ stream, event }) => store.append(stream, [event]), run)
  const before = usedMB()
  const loadSince = watchLoad()
  const measured = await appends(
    { append, writers },
    { appendMillis: job.appendMillis, warmupMillis: job.appendMillis / 5 },
    256,
    streamOf
  )
  const others = loadSince()
  return { ...measured, grownMB: usedMB() - before, ...(others === undefined ? {} : { elsewhere: others }) }
}

const fill = async (): Promise<void> => {
  for (let from = 0; from < job.events; from += 1000) {
    const groups = byStream(bulkEvents(from, from + 1000, 1000, false))
    await run(store.appendAll(Array.from(groups, ([stream, events]) => ({ stream, events }))))
  }
}

let repacks = 0
const repackForEver = Effect.gen(function* () {
  const tape = yield* Effect.provideService(Tape.make("order"), Lib.Lib, store.lib)
  for (;;) {
    yield* tape.repack({ compression: repacks % 2 === 0 ? "zstd" : "none", force: true })
    repacks++
  }
})

let read = 0
/**
 * Half of the readers start at the beginning, half near the end, whose files are closed and replaced
 * while they read.
 */
const slowReader = (n: number) =>
  Effect.gen(function* () {
    const from = n % 2 === 0 ? 0 : Math.max(0, (yield* store.position) - 5000)
    yield* Stream.runForEach(store.readAll({ from }), () => {
      read++
      return Effect.sleep("10 millis")
    })
  })

/** Measures the writers while `effects` run, then interrupts these. Throws if one of them failed. */
const beside = async (effects: ReadonlyArray<Effect.Effect<unknown, unknown, never>>): Promise<Phase> => {
  const fibers = effects.map((effect) => Effect.runFork(effect))
  const phase = await writing()
  for (const fiber of fibers) {
    const ended = fiber.pollUnsafe()
    if (ended?._tag === "Failure") throw new Error(`${ended.cause}`)
    await Effect.runPromise(Fiber.interrupt(fiber))
  }
  return phase
}

await fill()
await writing(elsewhere)
const alone = await writing(elsewhere)
const repacking = await beside([repackForEver])
const reading = await beside(Array.from({ length: job.readers }, (_, n) => slowReader(n)))
await close()
const result: ConcurrencyResult = { alone, repacking, repacks, reading, read }
writeSync(3, JSON.stringify(result))
