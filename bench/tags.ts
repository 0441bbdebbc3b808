/** W9: `npm run bench:tags`: queries by tag, and appends on condition of a query. See `-- --help`. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { checkEngine } from "../scripts/engine.ts"
import { dcbMemory } from "./boundaries/dcbMemory.ts"
import { litetapes } from "./boundaries/litetapes.ts"
import { betterSqlite3, nodeSqlite } from "./boundaries/sqlite.ts"
import type { BoundaryPeer, BoundaryStore, TaggedEvent, Wanted } from "./boundaries/store.ts"
import { diskBytes } from "./disk.ts"
import { watchLoad } from "./load.ts"
import { median, percentile } from "./statistics.ts"
import { markdownTable, show } from "./table.ts"
import { mix, orderData } from "./workloads/orderEvent.ts"

const usage = `usage: npm run bench:tags -- [OPTIONS]
  --quick          small sizes: shows whether it runs, not how fast it is
  --events LIST    events in the store, 100 for each tag of a course (default 1000000)
  --growth         events 100000,1000000,10000000, with a tenth as many tags of students; litetapes only
  --only LIST      stores whose names begin with one of these
  --rounds N       rounds of each measurement, in turns with the others (default 5)
  --millis N       length of one measurement of appends (default 500)
  --folder DIR     where the stores are created and removed (default ${tmpdir()})
  --help
`

const peers: ReadonlyArray<BoundaryPeer> = [litetapes, nodeSqlite, betterSqlite3, dcbMemory]

const eventsOfCourse = 100
const writersMany = 256
/** After so many appends of all writers there is a new boundary. */
const appendsOfBoundary = 1000

const courseOf = (i: number, courses: number): number => (i * 7919) % courses

/** Event `i`: it has the tag of a course, that of a student, and half of them one that the other half does not have. */
const eventAt = (i: number, events: number): TaggedEvent => {
  const course = courseOf(i, Math.ceil(events / eventsOfCourse))
  const student = mix(i) % Math.ceil(events / 10)
  return {
    type: "Taken",
    stream: `course-${course}`,
    tags: [`course:${course}`, `student:${student}`, i % 2 === 0 ? "even" : "odd"],
    data: orderData(i)
  }
}

const wantedOf = {
  /** A tag that no other writer has. */
  narrow: (writer: number): Wanted => ({ type: "Taken", tags: [`writer:${writer}`] }),
  /** A tag that half of all events have, and a type that none of them has. */
  broad: (): Wanted => ({ type: "Closed", tags: ["even"] })
}

type Way = "unconditional" | keyof typeof wantedOf
const ways = ["unconditional", "narrow", "broad"] as const

/** Returns appends a second. Each writer waits for its own acknowledgement. */
const appendsPerSec = async (store: BoundaryStore, way: Way, writers: number, millis: number, events: number) => {
  const began = performance.now()
  let made = 0
  let looked = 0
  let after = way === "unconditional" ? undefined : (await store.query(wantedOf[way](0))).after
  const write = async (_: unknown, writer: number): Promise<void> => {
    const wanted = way === "unconditional" ? undefined : wantedOf[way](writer)
    while (performance.now() - began < millis) {
      if (wanted !== undefined && made - looked >= appendsOfBoundary) {
        looked = made
        ;({ after } = await store.query(wanted))
      }
      const event = eventAt(events + made++, events)
      await (wanted === undefined ? store.append(event) : store.appendIf(event, wanted, after))
    }
  }
  await Promise.all(Array.from({ length: writers }, write))
  return (made * 1000) / (performance.now() - began)
}

/** Returns the median time of a call in microseconds. */
const microsOf = async (calls: number, call: (n: number) => unknown): Promise<number> => {
  const micros: Array<number> = []
  for (let n = 0; n < calls; n++) {
    const before = performance.now()
    await call(n)
    micros.push((performance.now() - before) * 1000)
  }
  return percentile(micros, 0.5)
}

const options = () =>
  parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      growth: { type: "boolean", default: false },
      events: { type: "string" },
      only: { type: "string", default: "" },
      rounds: { type: "string", default: "5" },
      millis: { type: "string" },
      folder: { type: "string", default: tmpdir() },
      help: { type: "boolean", default: false }
    }
  }).values

interface Sizes {
  readonly events: number
  readonly rounds: number
  readonly millis: number
  readonly reads: number
}

/** Measures one store. Returns the cells of its row. */
const measure = async (peer: BoundaryPeer, folder: string, { events, millis, reads, rounds }: Sizes) => {
  mkdirSync(folder, { recursive: true })
  const filling = await peer.open(folder)
  const loadBegan = performance.now()
  for (let from = 0; from < events; from += 1000) {
    const batch = Array.from({ length: Math.min(1000, events - from) }, (_, n) => eventAt(from + n, events))
    await filling.load(batch)
  }
  const loaded = (events * 1000) / (performance.now() - loadBegan)
  // A store in memory is gone once it is closed.
  const isKept = peer !== dcbMemory
  if (isKept) await filling.close()
  const bytes = diskBytes(folder) / events
  const loadSince = watchLoad()
  const store = isKept ? await peer.open(folder) : filling
  const courses = Math.ceil(events / eventsOfCourse)
  const courseAt = (n: number): number => mix(3_000_000 + n) % courses
  const queries: Array<number> = []
  const streams: Array<number> = []
  const appends = new Map<string, Array<number>>()
  for (let round = 0; round < rounds; round++) {
    const query = async (n: number) => {
      const course = courseAt(round * reads + n)
      const { count } = await store.query({ type: "Taken", tags: [`course:${course}`] })
      if (count < Math.min(eventsOfCourse, events)) throw new Error(`a query found only ${count} events`)
    }
    queries.push(await microsOf(isKept ? reads : 3, query))
    const { readStream } = store
    if (readStream !== undefined) {
      streams.push(await microsOf(reads, (n) => readStream(`course-${courseAt(500_000 + round * reads + n)}`)))
    }
    for (const writers of [1, writersMany]) {
      for (const way of ways) {
        const key = `${writers} ${way}`
        appends.set(key, [...(appends.get(key) ?? []), await appendsPerSec(store, way, writers, millis, events)])
      }
    }
  }
  const others = loadSince()
  await store.close()
  const perSec = (writers: number, way: Way): number => median(appends.get(`${writers} ${way}`)!)
  const ratio = (writers: number, way: Way): string =>
    (perSec(writers, "unconditional") / perSec(writers, way)).toFixed(2)
  return [
    peer.name,
    events.toLocaleString("en-US"),
    show(loaded),
    show(bytes),
    show(median(queries)),
    streams.length === 0 ? "" : show(median(streams)),
    ...[1, writersMany].flatMap((writers) => [
      show(perSec(writers, "unconditional")),
      ratio(writers, "narrow"),
      ratio(writers, "broad")
    ]),
    others === undefined ? "" : `${Math.round(others * 100)} %`
  ]
}

const heads = [
  "store",
  "events",
  "load events/s",
  "B/event",
  "query of 100, µs",
  "stream of 100, µs",
  ...[1, writersMany].flatMap((writers) => [`${writers}: appends/s`, "÷ narrow", "÷ broad"]),
  "others"
]

checkEngine()
const values = options()
if (values.help) process.stdout.write(usage)
else {
  const { events = values.quick ? "10000" : values.growth ? "100000,1000000,10000000" : "1000000", growth } = values
  const names = values.only.split(",").filter((name) => name !== "")
  const wanted = peers.filter(({ name }) =>
    growth ? name === litetapes.name : names.length === 0 || names.some((one) => name.startsWith(one))
  )
  const root = mkdtempSync(join(values.folder, "litetapes-bench-"))
  const rows: Array<ReadonlyArray<string>> = []
  try {
    for (const size of events.split(",").map(Number)) {
      for (const peer of wanted) {
        const folder = join(root, `${peers.indexOf(peer)}-${size}`)
        const sizes = {
          events: size,
          rounds: Number(values.rounds),
          millis: Number(values.millis ?? (values.quick ? 100 : 500)),
          reads: values.quick ? 20 : 200
        }
        try {
          rows.push(await measure(peer, folder, sizes))
        } catch (error) {
          console.error(`${peer.name}: ${(error as Error).message}`)
        }
        rmSync(folder, { recursive: true, force: true })
      }
    }
    console.log(markdownTable(heads, rows))
    for (const { label, name } of wanted) console.log(`${name}: ${label}`)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
