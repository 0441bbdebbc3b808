/**
 * Two processes: a child writes, and this one only reads. It follows the child with a subscription and with a consumer,
 * while the child is killed and another one takes over.
 *
 * ```
 * node --conditions=litetapes-source examples/follower.ts
 * ```
 */
import * as PromiseStore from "litetapes/PromiseStore"
import * as assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

/** The child: appends until it is killed, and prints the position of each event that is acknowledged. */
const write = async (lib: string): Promise<void> => {
  const store = await PromiseStore.open(lib)
  for (let position = await store.position(); ; position++) {
    await store.append(`meter-${position % 3}`, [{ type: "Measured", data: { at: position } }])
    console.log(position)
  }
}

/** What the children have acknowledged. */
const acknowledged: Array<number> = []
const waiting = new Set<() => void>()

const startWriter = (lib: string): ChildProcess => {
  const child = spawn(
    process.execPath,
    ["--conditions=litetapes-source", fileURLToPath(import.meta.url), "write", lib],
    { stdio: ["ignore", "pipe", "inherit"] }
  )
  createInterface({ input: child.stdout }).on("line", (line) => {
    acknowledged.push(Number(line))
    for (const look of waiting) look()
  })
  return child
}

const whenAcknowledged = (count: number): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (acknowledged.length < count) return
      waiting.delete(look)
      resolve()
    }
    waiting.add(look)
    look()
  })

const kill = async (child: ChildProcess): Promise<void> => {
  const gone = once(child, "exit")
  child.kill("SIGKILL")
  await gone
}

/** Follows until `signal` is aborted. Notes each event by its position. */
const subscribe = async (store: PromiseStore.PromiseStore, seen: Array<number>, signal: AbortSignal): Promise<void> => {
  try {
    for await (const { data, position } of store.subscribe({ signal })) {
      assert.deepEqual(data, { at: position })
      seen.push(position)
    }
  } catch (error) {
    if (!(error instanceof PromiseStore.Aborted)) throw error
  }
}

const follow = async (folder: string): Promise<void> => {
  const lib = join(folder, "lib")
  const first = startWriter(lib)
  await whenAcknowledged(1) // now there is a lib
  const store = await PromiseStore.open(lib, { mode: "read" })
  const ending = new AbortController()
  const [seen, handled]: [Array<number>, Array<number>] = [[], []]
  const subscribed = subscribe(store, seen, ending.signal)
  const consume = () =>
    store.consume({
      name: "meters",
      handler: ({ position }) => handled.push(position),
      checkpoints: join(folder, "checkpoints")
    })
  let consumer = await consume()

  await whenAcknowledged(80)
  await kill(first)
  console.log("The writer was killed.")
  const second = startWriter(lib)
  await whenAcknowledged(120)
  await consumer.stop()
  consumer = await consume() // continues at its checkpoint
  await whenAcknowledged(160)
  await kill(second)

  // Acknowledged by now, or on the disk without an acknowledgement: the next writer would keep it as well.
  await store.refresh()
  const end = await store.position()
  await consumer.whenProcessed(end - 1)
  while (seen.length < end) await new Promise((resolve) => setTimeout(resolve, 1))
  ending.abort()
  await subscribed
  await store.close() // stops the consumer too

  const all = Array.from({ length: end }, (_, position) => position)
  assert.deepEqual(seen, all)
  console.log("The subscription saw every event once and in order.")
  assert.deepEqual([...new Set(handled)], all)
  assert.ok(acknowledged.every((position) => position < end))
  console.log("The consumer missed none. It was stopped in between, and continued at its checkpoint.")
}

const [mode, given] = process.argv.slice(2)
if (mode === "write") await write(given!)
else {
  const folder = mkdtempSync(join(tmpdir(), "litetapes-follower-"))
  try {
    await follow(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
