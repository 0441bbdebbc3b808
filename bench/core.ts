/**
 * The event store beside what the machine can do with the same bytes, in one run: appends of one writer and of 256,
 * bulk load, replay, reads of random streams. Ratios are what counts: absolute numbers move with the machine.
 *
 * `npm run bench:core`, or `npm run bench:core -- --events 100000 --rounds 3 --folder /tmp`.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import { orderEvent } from "./orderEvent.ts"

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "3" },
    folder: { type: "string", default: tmpdir() }
  }
})
const events = Number(values.events)
const rounds = Number(values.rounds)
const batch = 1000
const appendMillis = 1500

const root = mkdtempSync(join(values.folder, "litetapes-bench-"))

const median = (numbers: ReadonlyArray<number>): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

const show = (what: string, ours: ReadonlyArray<number>, limit: ReadonlyArray<number>, limitIs: string) => {
  const [a, b] = [median(ours), median(limit)]
  const count = (n: number) => Math.round(n).toLocaleString("en-US").padStart(11)
  console.log(`${what.padEnd(26)}${count(a)} /s ${count(b)} /s   ratio ${(a / b).toFixed(2)}   (${limitIs})`)
}

/** Runs `once` until the time is over; the result is how many units were done a second. */
const rate = (millis: number, unitsEach: number, once: (n: number) => void): number => {
  const start = performance.now()
  let n = 0
  while (performance.now() - start < millis) once(n++)
  return (n * unitsEach * 1000) / (performance.now() - start)
}

const rawAppend = (group: number): number => {
  const path = join(root, `raw-${group}-${Math.random()}`)
  const file = openSync(path, "wx")
  let position = 0
  const result = rate(appendMillis, group, (n) => {
    let text = ""
    for (let i = 0; i < group; i++) text += JSON.stringify(orderEvent(n * group + i)) + "\n"
    position += writeSync(file, Buffer.from(text), 0, undefined, position)
    fdatasyncSync(file)
  })
  closeSync(file)
  rmSync(path)
  return result
}

const newEvent = (i: number) => {
  const { $type: type, data, metadata } = orderEvent(i)
  return { type, data, metadata }
}

const withStore = <A>(
  name: string,
  use: (store: EventStore.EventStore["Service"]) => Effect.Effect<A, { _tag: string }>
) =>
  Effect.runPromise(
    Effect.scoped(Effect.flatMap(EventStore.open(join(root, name)), use)).pipe(
      Effect.provide(NodeStorage.layer)
    ) as Effect.Effect<A>
  )

let libs = 0
const writers = (count: number) =>
  withStore(`lib-${libs++}`, (store) =>
    Effect.gen(function* () {
      const start = performance.now()
      let done = 0
      const writer = (w: number) =>
        Effect.gen(function* () {
          while (performance.now() - start < appendMillis) {
            yield* store.append(`order-${w}`, [newEvent(done)])
            done++
          }
        })
      yield* Effect.forEach(
        Array.from({ length: count }, (_, w) => w),
        writer,
        { concurrency: "unbounded" }
      )
      return (done * 1000) / (performance.now() - start)
    })
  )

const bulk = () =>
  withStore("bulk", (store) =>
    Effect.gen(function* () {
      const start = performance.now()
      for (let n = 0; n < events / batch; n++) {
        // Ten streams of a hundred events each: 10,000 streams in all for a million events.
        const appends = Array.from({ length: 10 }, (_, s) => ({
          stream: `order-${(n * 10 + s) % 10_000}`,
          events: Array.from({ length: batch / 10 }, (_, i) => newEvent(n * batch + s * 100 + i))
        }))
        yield* store.appendAll(appends)
      }
      return (events * 1000) / (performance.now() - start)
    })
  )

const replay = () =>
  withStore("bulk", (store) =>
    Effect.gen(function* () {
      const start = performance.now()
      let seen = 0
      yield* Stream.runForEachArray(store.readAll(), (chunk) =>
        Effect.sync(() => {
          for (const event of chunk) if (event.position === seen) seen++
        })
      )
      if (seen !== events) throw new Error(`replayed ${seen} events`)
      return (events * 1000) / (performance.now() - start)
    })
  )

const rawReplay = (): number => {
  const folder = join(root, "bulk", "order")
  const start = performance.now()
  let seen = 0
  for (const name of readdirSync(folder)
    .filter((name) => name.startsWith("seg-"))
    .toSorted()) {
    const file = openSync(join(folder, name), "r")
    const { size } = statSync(join(folder, name))
    const buffer = Buffer.allocUnsafe(1024 * 1024)
    let rest = ""
    for (let at = 0; at < size;) {
      const read = readSync(file, buffer, 0, buffer.length, at)
      at += read
      const lines = (rest + buffer.toString("utf8", 0, read)).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) if ((JSON.parse(line) as { position: number }).position === seen) seen++
    }
    closeSync(file)
  }
  if (seen !== events) throw new Error(`replayed ${seen} lines`)
  return (events * 1000) / (performance.now() - start)
}

const randomReads = () =>
  withStore("bulk", (store) =>
    Effect.gen(function* () {
      const micros: Array<number> = []
      const streams = Math.min(10_000, events / 100)
      for (let i = 0; i < 2000; i++) {
        const start = performance.now()
        const read = yield* Stream.runCollect(store.read(`order-${(i * 7919) % streams}`))
        if (read.length === 0) throw new Error("an empty stream")
        micros.push((performance.now() - start) * 1000)
      }
      return median(micros)
    })
  )

try {
  console.log(`${events.toLocaleString("en-US")} events, ${rounds} rounds, medians; node ${process.version}`)
  const one: Array<number> = []
  const rawOne: Array<number> = []
  const many: Array<number> = []
  const rawMany: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    rawOne.push(rawAppend(1))
    one.push(await writers(1))
    rawMany.push(rawAppend(256))
    many.push(await writers(256))
  }
  show("append, 1 writer", one, rawOne, "stringify + write + fdatasync, one event each")
  show("append, 256 writers", many, rawMany, "stringify + write + fdatasync, 256 events each")
  show("bulk, batches of 1,000", [await bulk()], [rawAppend(1000)], "stringify + write + fdatasync, 1,000 events each")
  const replays: Array<number> = []
  const rawReplays: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    rawReplays.push(rawReplay())
    replays.push(await replay())
  }
  show("replay in order", replays, rawReplays, "read + split + parse")
  console.log(`random streams of 100      ${Math.round(await randomReads())} µs p50`)
  console.log(`peak memory                ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`)
} finally {
  rmSync(root, { recursive: true, force: true })
}
