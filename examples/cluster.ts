/**
 * Four web servers that share one lib, and all of which append: the workers of `node:cluster`. One of them is the writer, the
 * others append through it. While they are busy, the writer is killed, and another one takes its place.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import * as SharedStore from "litetapes/SharedStore"
import * as assert from "node:assert/strict"
import cluster, { type Address, type Worker } from "node:cluster"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"

interface Answer {
  readonly position: number
  readonly revision: number
}

/** A worker: a web server like any other. Nothing in it depends on whether it is the writer. */
const runWorker = async (location: string): Promise<void> => {
  const runtime = ManagedRuntime.make(SharedStore.layer(location).pipe(Layer.provide(NodeStorage.layer)))
  const { lib } = await runtime.runPromise(EventStore.EventStore)

  const place = (stream: string, id: string) =>
    Effect.gen(function* () {
      const store = yield* EventStore.EventStore
      // The id comes from the client: if it sends the request again, to whichever worker, the order is placed once.
      const placed = yield* store.append(stream, [{ type: "OrderPlaced", id }])
      return { position: placed.lastPosition, revision: placed.lastRevision }
    })
  const read = (stream: string) =>
    Effect.flatMap(EventStore.EventStore, (store) => Stream.runCollect(store.read(stream)))

  const server = createServer((message, response) => {
    response.setHeader("x-worker", `${process.pid}`)
    response.setHeader("x-mode", lib.mode)
    const [, stream = "", id = ""] = message.url!.split("/")
    const answered: Effect.Effect<unknown, Error, EventStore.EventStore> =
      message.method === "POST" ? place(stream, id) : read(stream)
    runtime.runPromise(answered).then(
      (value) => response.end(JSON.stringify(value)),
      (error: unknown) => response.writeHead(500).end(String(error))
    )
  })
  process.on("message", () => server.close(() => void runtime.dispose().then(() => process.disconnect())))
  server.listen(0, "127.0.0.1")
}

/** The primary process only starts the workers. Here it is the client, too. */
const runPrimary = async (location: string): Promise<void> => {
  const workers = Array.from({ length: 4 }, () => cluster.fork({ ORDERS: location }))
  const listening = await Promise.all(workers.map((worker) => once(worker, "listening") as Promise<[Address]>))
  await request(`http://127.0.0.1:${listening[0]![0].port}`, (pid) => {
    workers.find(({ process }) => process.pid === pid)!.process.kill("SIGKILL")
  })
  const left = workers.filter((worker: Worker) => worker.isConnected())
  const ended = Promise.all(left.map((worker) => once(worker, "exit")))
  for (const worker of left) worker.send("end")
  await ended
}

const headers = { connection: "close" } // so that the workers take turns

/** Sends a request, and sends it again if the worker dies meanwhile. */
const send = async (url: string, method: "GET" | "POST"): Promise<Response> => {
  for (;;) {
    try {
      return await fetch(url, { method, headers })
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

const request = async (url: string, kill: (pid: number) => void): Promise<void> => {
  const orders = Array.from({ length: 100 }, (_, n) => n)
  const writers = new Set<number>()
  const place = async (n: number): Promise<Answer> => {
    const response = await send(`${url}/order-${n % 10}/placed-${n}`, "POST")
    assert.equal(response.status, 200, await response.clone().text())
    if (response.headers.get("x-mode") === "write") {
      const pid = Number(response.headers.get("x-worker"))
      if (writers.size === 0) kill(pid)
      writers.add(pid)
    }
    return (await response.json()) as Answer
  }
  const answers: Array<Answer> = []
  for (let n = 0; n < orders.length; n += 20) answers.push(...(await Promise.all(orders.slice(n, n + 20).map(place))))
  assert.equal(new Set(answers.map(({ position }) => position)).size, orders.length)
  assert.equal(writers.size, 2)

  // After the answer the event is found, whichever worker reads.
  const readers = new Set<string | null>()
  for (const n of orders.slice(0, 20)) {
    const response = await send(`${url}/order-${n % 10}`, "GET")
    const events = (await response.json()) as ReadonlyArray<EventStore.RecordedEvent>
    assert.equal(events.filter(({ id }) => id === `placed-${n}`).length, 1)
    readers.add(response.headers.get("x-worker"))
  }
  console.log(`${answers.length} orders, each once. 2 writers: the first one was killed. ${readers.size} workers read.`)
}

if (cluster.isPrimary) {
  const folder = mkdtempSync(join(tmpdir(), "litetapes-cluster-"))
  try {
    await runPrimary(join(folder, "orders"))
    console.log("Closed.")
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
} else {
  await runWorker(process.env["ORDERS"]!)
}
