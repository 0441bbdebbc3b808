/**
 * Measures a backup against `cp -r` and `sync` of the same bytes, an incremental and an unchanged one, a restore, and what
 * a backup costs the appends meanwhile. `npm run bench:backup -- --quick`.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { checkEngine } from "../scripts/engine.ts"
import { diskBytes } from "./disk.ts"
import { EventStore, Lib, NodeStorage } from "./litetapes.ts"
import { byStream } from "./peers/byStream.ts"
import { bulkEvents } from "./workloads/events.ts"

checkEngine()
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    events: { type: "string" },
    rounds: { type: "string", default: "5" },
    folder: { type: "string", default: tmpdir() }
  }
})
const events = Number(values.events ?? (values.quick ? 300_000 : 3_000_000))
const rounds = Number(values.rounds)
const root = mkdtempSync(join(values.folder, "litetapes-bench-"))
const at = (name: string): string => join(root, name)

const median = (numbers: ReadonlyArray<number>): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!

const millis = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, () => performance.now() - start)
  })

/** Drops what earlier steps left to be written, so that it is not counted here. */
const calm = Effect.sync(() => execFileSync("sync"))

const remove = (name: string) =>
  Effect.andThen(
    Effect.sync(() => rmSync(at(name), { recursive: true, force: true })),
    calm
  )

const fill = Effect.scoped(
  Effect.gen(function* () {
    const store = yield* EventStore.open(at("lib"))
    for (let n = 0; n < events / 1000; n++) {
      const batch = byStream(bulkEvents(n * 1000, (n + 1) * 1000, 10_000, true))
      yield* store.appendAll(Array.from(batch, ([stream, events]) => ({ stream, events })))
    }
  })
)

const copyByHand = Effect.sync(() => {
  execFileSync("cp", ["-r", at("lib"), at("copy")])
  // Only these files, so that what other processes have written does not count.
  execFileSync("find", [at("copy"), "-exec", "sync", "{}", "+"])
})

/** Appends one event after the other until it is interrupted. Returns how many there are so far. */
const appending = (store: EventStore.EventStore["Service"], count: { done: number }) =>
  Effect.forever(
    Effect.tap(store.append(`beside-${count.done % 100}`, [{ type: "Happened", data: { n: count.done } }]), () =>
      Effect.sync(() => {
        count.done++
      })
    )
  )

/** Returns appends a second while `beside` runs. */
const speedBeside = Effect.fnUntraced(function* <E, R>(
  store: EventStore.EventStore["Service"],
  beside: Effect.Effect<unknown, E, R>
) {
  const count = { done: 0 }
  const fibre = yield* Effect.forkChild(appending(store, count))
  const time = yield* millis(beside)
  yield* Fiber.interrupt(fibre)
  return { appends: (1000 * count.done) / time, time }
})

const measure = Effect.gen(function* () {
  const bytes = diskBytes(at("lib"))
  const speed = (time: number): string => `${Math.round(bytes / 1000 / time)} MB/s`
  console.log(`${events.toLocaleString("en-US")} events, ${Math.round(bytes / 1e6)} MB; node ${process.version}`)
  const times: Record<"cp" | "backup" | "again" | "restore", Array<number>> = {
    cp: [],
    backup: [],
    again: [],
    restore: []
  }
  yield* Effect.scoped(
    Effect.gen(function* () {
      const lib = yield* Lib.open(at("lib"), { mode: "read" })
      for (let round = 0; round < rounds; round++) {
        times.cp.push(yield* millis(copyByHand))
        yield* remove("copy")
        times.backup.push(yield* millis(lib.backup(at("backup"))))
        times.again.push(yield* millis(lib.backup(at("backup"))))
        times.restore.push(yield* millis(Lib.restore(at("backup"), at("restored"))))
        yield* remove("restored")
        yield* remove("backup")
      }
    })
  )
  for (const [name, all] of Object.entries(times)) {
    console.log(`${name.padEnd(10)} ${median(all).toFixed(0).padStart(8)} ms  ${speed(median(all)).padStart(10)}`)
  }
  console.log(`backup / cp and sync: ${(median(times.cp) / median(times.backup)).toFixed(2)} of its speed`)
  const alone: Array<number> = []
  const beside: Array<number> = []
  yield* Effect.scoped(
    Effect.gen(function* () {
      const store = yield* EventStore.open(at("lib"))
      for (let round = 0; round < rounds; round++) {
        const span = median(times.backup)
        alone.push((yield* speedBeside(store, Effect.sleep(span))).appends)
        beside.push((yield* speedBeside(store, store.lib.backup(at("backup")))).appends)
        yield* remove("backup")
      }
    })
  )
  const [free, busy] = [median(alone), median(beside)]
  console.log(
    `appends    ${free.toFixed(0)} a second alone, ${busy.toFixed(0)} during a backup: ${(busy / free).toFixed(2)}`
  )
  console.log(`peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`)
})

try {
  await Effect.runPromise(Effect.andThen(fill, measure).pipe(Effect.provide(NodeStorage.layer)))
} finally {
  rmSync(root, { recursive: true, force: true })
}
