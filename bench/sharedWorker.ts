/** One process of `shared.ts`: appends through a shared store, and tells how many appends it made in the given time. */
import * as Effect from "effect/Effect"
import { writeSync } from "node:fs"
import { NodeStorage, SharedStore } from "./litetapes.ts"
import { orderData } from "./workloads/orderEvent.ts"

export interface SharedJob {
  readonly folder: string
  readonly name: number
  /** Appends at the same time, each of which waits for its own acknowledgement. */
  readonly callers: number
  /** When to begin, in milliseconds since 1970, so that several processes measure at the same time. */
  readonly startAt: number
  readonly millis: number
}

export interface SharedResult {
  readonly mode: "read" | "write"
  readonly perSec: number
  /** Appends in all, and the processor time of this process that they took. */
  readonly made: number
  readonly cpuMicros: number
}

const warmUpMillis = 300

const run = ({ callers, folder, millis, name, startAt }: SharedJob) =>
  Effect.gen(function* () {
    const store = yield* SharedStore.open(folder)
    let all = 0
    const appendFor = (span: number) =>
      Effect.gen(function* () {
        const began = performance.now()
        let made = 0
        const caller = (n: number) =>
          Effect.gen(function* () {
            while (performance.now() - began < span) {
              yield* store.append(`order-${name}_${n}`, [{ type: "OrderPlaced", data: orderData(made) }])
              made++
            }
          })
        yield* Effect.forEach(
          Array.from({ length: callers }, (_, n) => n),
          caller,
          { concurrency: "unbounded", discard: true }
        )
        all += made
        return (made * 1000) / (performance.now() - began)
      })
    yield* Effect.sleep(Math.max(0, startAt - Date.now()))
    const before = process.cpuUsage()
    yield* appendFor(warmUpMillis)
    const perSec = yield* appendFor(millis)
    const { system, user } = process.cpuUsage(before)
    return { mode: store.lib.mode, perSec, made: all, cpuMicros: user + system } satisfies SharedResult
  }).pipe(Effect.scoped, Effect.provide(NodeStorage.layer))

if (process.argv[2] !== undefined) {
  writeSync(3, JSON.stringify(await Effect.runPromise(run(JSON.parse(process.argv[2]) as SharedJob))))
}
