/**
 * Measures how long an event takes from its acknowledgement to the handler of a subscription, a consumer or an iteration that
 * waits for it: in the writer's process, and in a second one.
 *
 * `node bench/subscriptions.ts [events] [pause]`. Appends one event after the other, with a pause in milliseconds between them.
 * The clock is the monotonic one of the machine, which all processes share.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { checkEngine } from "../scripts/engine.ts"
import { CheckpointStore, Consumer, EventStore, NodeStorage, PromiseStore } from "./litetapes.ts"
import { watchLoad } from "./load.ts"
import { percentile } from "./statistics.ts"
import { markdownTable, show } from "./table.ts"

/** Calls `handled` for each event until the program ends. */
type Follow = (lib: string, mode: "write" | "read", handled: (position: number) => void) => Promise<Appender>

/** Appends one event, if the mode is `write`. */
type Appender = () => Promise<unknown>

const event = [{ type: "Measured", data: { cents: 3998, order: "order-17" } }]

const withEffect =
  (
    follow: (
      store: EventStore.EventStore["Service"],
      handled: (position: number) => void
    ) => Effect.Effect<unknown, unknown, EventStore.EventStore>
  ): Follow =>
  (lib, mode, handled) =>
    new Promise((resolve, reject) => {
      const program = Effect.gen(function* () {
        const store = yield* EventStore.EventStore
        resolve(() => Effect.runPromise(store.append("order-17", event)))
        yield* follow(store, handled)
      })
      Effect.runPromise(
        program.pipe(Effect.provide(EventStore.layer(lib, { mode })), Effect.provide(NodeStorage.layer))
      ).catch(reject)
    })

const followers: Readonly<Record<string, Follow>> = {
  subscribeBatches: withEffect((store, handled) =>
    Stream.runForEach(store.subscribeBatches(), ({ events }) =>
      Effect.sync(() => {
        for (const { position } of events) handled(position)
      })
    )
  ),
  subscribe: withEffect((store, handled) =>
    Stream.runForEach(store.subscribe(), ({ position }) => Effect.sync(() => handled(position)))
  ),
  consumer: withEffect((_, handled) =>
    Effect.gen(function* () {
      const consumer = Consumer.make({
        name: "measured",
        handler: ({ position }) => Effect.sync(() => handled(position))
      })
      yield* Effect.flatMap(Consumer.run(consumer), ({ stopped }) => stopped)
    }).pipe(Effect.scoped, Effect.provide(CheckpointStore.layerMemory))
  ),
  "for await": async (lib, mode, handled) => {
    const store = await PromiseStore.open(lib, { mode })
    void (async () => {
      for await (const { position } of store.subscribe()) handled(position)
    })()
    return () => store.append("order-17", event)
  }
}

/** Milliseconds of a clock that all processes share. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** The second process: says each event and when it was handled, once `last` was. */
const followHere = async (name: string, lib: string, last: number): Promise<void> => {
  const times: Array<number> = []
  await followers[name]!(lib, "read", (position) => {
    times[position] = now()
    if (position === 0) process.stdout.write("begun\n")
    if (position === last) process.stdout.write(`${JSON.stringify(times)}\n`, () => process.exit(0))
  })
}

const appendAll = async (append: Appender, count: number, pause: number): Promise<ReadonlyArray<number>> => {
  const acknowledged: Array<number> = []
  for (let n = 0; n < count; n++) {
    await append()
    acknowledged.push(now())
    await setTimeout(pause)
  }
  return acknowledged
}

interface Measured {
  readonly acknowledged: ReadonlyArray<number>
  readonly handled: ReadonlyArray<number>
}

const here = async (name: string, lib: string, count: number, pause: number): Promise<Measured> => {
  const handled: Array<number> = []
  const append = await followers[name]!(lib, "write", (position) => (handled[position] = now()))
  const acknowledged = await appendAll(append, count, pause)
  while (handled.length < count) await setTimeout(1)
  return { acknowledged, handled }
}

const elsewhere = async (name: string, lib: string, count: number, pause: number): Promise<Measured> => {
  const store = await PromiseStore.open(lib)
  const append = () => store.append("order-17", event)
  const first = await appendAll(append, 1, 0)
  const child = spawn(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), "follow", name, lib, `${count - 1}`],
    {
      stdio: ["ignore", "pipe", "inherit"]
    }
  )
  const lines = createInterface({ input: child.stdout })
  await once(lines, "line")
  const result = once(lines, "line")
  const acknowledged = [...first, ...(await appendAll(append, count - 1, pause))]
  const [line] = (await result) as [string]
  await store.close()
  return { acknowledged, handled: JSON.parse(line) as Array<number> }
}

const row = (where: string, name: string, { acknowledged, handled }: Measured): ReadonlyArray<string> => {
  // The first ones are compiled.
  const from = Math.min(200, acknowledged.length >> 1)
  const late = acknowledged.map((time, position) => handled[position]! - time).slice(from)
  return [`${name}, ${where}`, ...[0.5, 0.99, 1].map((share) => show(percentile(late, share), " ms")), ""]
}

const measure = async (count: number, pause: number): Promise<void> => {
  const place = mkdtempSync(join(tmpdir(), "litetapes-subscriptions-"))
  const loadSince = watchLoad()
  const rows: Array<ReadonlyArray<string>> = []
  try {
    for (const name of Object.keys(followers)) {
      rows.push(row("the writer's process", name, await here(name, join(place, `${name}-here`), count, pause)))
      rows.push(row("a second process", name, await elsewhere(name, join(place, `${name}-there`), count, pause)))
    }
  } finally {
    const others = loadSince()
    process.stdout.write(
      `${markdownTable(["acknowledgement to handler", "p50", "p99", "worst", ""], rows)}\n\n` +
        `${count} events, ${pause} ms apart. Others used ${others === undefined ? "?" : Math.round(others * 100)} % of the cores; ` +
        `load average ${loadavg()[0]!.toFixed(2)}. Negative: the handler ran before the caller of the append.\n`
    )
    rmSync(place, { recursive: true, force: true })
  }
}

checkEngine()
const [first, ...rest] = process.argv.slice(2)
if (first === "follow") await followHere(rest[0]!, rest[1]!, Number(rest[2]))
else {
  await measure(Number(first ?? 1000), Number(rest[0] ?? 2))
  process.exit(0)
}
