/**
 * One writer and several web servers: the primary process of `node:cluster` has the lib open for writing, the workers
 * serve requests. A worker reads by itself, and sends to the primary what is to be appended.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import * as EventStore from "litetapes/EventStore"
import * as NodeStorage from "litetapes/NodeStorage"
import * as assert from "node:assert/strict"
import cluster, { type Address, type Worker } from "node:cluster"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * What a worker sends to the primary. The event has the id that the client gave, and nothing in it depends on the worker. So
 * the client may repeat its request, and another worker may serve it.
 */
interface Command {
  readonly number: number
  readonly stream: string
  readonly event: EventStore.NewEvent
}

/** What it gets back: the result of the append, or the tag and message of its error. */
interface Answer {
  readonly number: number
  readonly position?: number
  readonly error?: string
}

const open = (location: string, mode: "read" | "write") =>
  ManagedRuntime.make(EventStore.layer(location, { mode }).pipe(Layer.provide(NodeStorage.layer)))

/** The primary: nothing else appends. Returns once it has been asked to end. */
const runPrimary = async (location: string): Promise<void> => {
  const writer = open(location, "write")
  await writer.context() // creates the lib, before a worker opens it

  const append = ({ number, stream, event }: Command): Promise<Answer> =>
    writer.runPromise(
      Effect.flatMap(EventStore.EventStore, (store) => store.append(stream, [event])).pipe(
        Effect.match({
          onFailure: ({ _tag, message }) => ({ number, error: `${_tag}: ${message}` }),
          onSuccess: ({ lastPosition }) => ({ number, position: lastPosition })
        })
      )
    )
  const answer = async (worker: Worker, command: Command): Promise<void> => {
    const answered = await append(command)
    if (worker.isConnected()) worker.send(answered)
  }
  cluster.on("message", (worker, command: Command) => void answer(worker, command))

  const workers = [cluster.fork({ ORDERS: location }), cluster.fork({ ORDERS: location })]
  const listening = await Promise.all(workers.map((worker) => once(worker, "listening") as Promise<[Address]>))
  await request(`http://127.0.0.1:${listening[0]![0].port}`)

  // The workers end first, and then the writer: everything that they have sent is appended.
  const ended = Promise.all(workers.map((worker) => once(worker, "exit")))
  for (const worker of workers) worker.send("end")
  await ended
  await writer.dispose()
}

/** A worker: a web server with a reader of its own. */
const runWorker = (location: string): void => {
  const reader = open(location, "read")
  const waiting = new Map<number, (answer: Answer) => void>()
  let commands = 0
  const send = (command: Omit<Command, "number">): Promise<Answer> =>
    new Promise((resolve) => {
      const number = ++commands
      waiting.set(number, resolve)
      process.send!({ number, ...command })
    })

  const read = (stream: string) =>
    reader.runPromise(
      Effect.gen(function* () {
        const store = yield* EventStore.EventStore
        yield* store.lib.refresh // what has been acknowledged by now, also by other workers
        return yield* Stream.runCollect(store.read(stream))
      })
    )

  const server = createServer((message, response) => {
    response.setHeader("x-worker", `${process.pid}`)
    const [, stream = "", id = ""] = message.url!.split("/")
    const answered =
      message.method === "POST" ? send({ stream, event: { type: "OrderPlaced", id, data: null } }) : read(stream)
    answered.then(
      (value) => response.end(JSON.stringify(value)),
      (error: unknown) => response.writeHead(500).end(String(error))
    )
  })
  process.on("message", (message: Answer | "end") => {
    if (message !== "end") {
      waiting.get(message.number)?.(message)
      waiting.delete(message.number)
      return
    }
    server.close(() => void reader.dispose().then(() => process.disconnect()))
  })
  server.listen(0, "127.0.0.1")
}

/** The requests of this example: each order comes twice, as from a client that tries again. */
const request = async (url: string): Promise<void> => {
  const headers = { connection: "close" } // so that the workers take turns
  const orders = Array.from({ length: 100 }, (_, n) => n)
  const place = async (n: number): Promise<Answer> => {
    const response = await fetch(`${url}/order-${n % 10}/placed-${n}`, { method: "POST", headers })
    return (await response.json()) as Answer
  }
  const answers = await Promise.all([...orders, ...orders].map(place))
  assert.deepEqual(
    answers.filter(({ error }) => error !== undefined),
    []
  )
  const positions = new Set(answers.map(({ position }) => position))
  assert.equal(positions.size, 100)

  // After the answer the event is found, whichever worker reads.
  const servers = new Set<string | null>()
  for (const n of orders) {
    const response = await fetch(`${url}/order-${n % 10}`, { headers })
    const events = (await response.json()) as ReadonlyArray<EventStore.RecordedEvent>
    assert.equal(events.filter(({ id }) => id === `placed-${n}`).length, 1)
    servers.add(response.headers.get("x-worker"))
  }
  console.log(`${answers.length} requests to ${servers.size} workers: ${positions.size} orders, each once.`)
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
  runWorker(process.env["ORDERS"]!)
}
