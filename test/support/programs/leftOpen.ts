/**
 * Opens a lib with promises, uses it as its first argument says, and returns without closing it: the process must end by
 * itself. Reports what it did, as `say` does.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as NodeStorage from "../../../src/layers/NodeStorage.ts"
import * as PromiseStore from "../../../src/layers/PromiseStore.ts"
import { Storage, StorageError } from "../../../src/services/ports/Storage.ts"
import { say } from "../children.ts"

const event = (n: number) => ({ type: "Counted", id: `${n}`, data: n })

/** Appends events whose data has a MiB each, so that the dynamic segment rolls and a thread seals its segment. */
const appendMuch = async (store: PromiseStore.PromiseStore) => {
  const text = "x".repeat(900_000)
  for (let n = 0; n < 24; n++) await store.append("order-1", [{ type: "Written", data: text }])
  const tape = await store.tape("order")
  while ((await tape.segments()).length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** A storage that fails the second append, and every opening after that. */
const broken: Layer.Layer<Storage> = Layer.effect(
  Storage,
  Effect.map(NodeStorage.make, (storage) => {
    const failure = new StorageError({ operation: "append", place: "here", reason: "failed", detail: "EIO" })
    let appends = 0
    return Storage.of({
      open: (location, mode) =>
        appends > 1
          ? Effect.fail(failure)
          : Effect.map(storage.open(location, mode), (root) => ({
              ...root,
              journal: {
                ...root.journal,
                create: (number, header) =>
                  Effect.map(root.journal.create(number, header), (writer) => ({
                    ...writer,
                    append: (bytes) => (++appends > 1 ? Effect.fail(failure) : writer.append(bytes))
                  }))
              }
            }))
    })
  })
)

const uses: Record<string, (folder: string) => Promise<unknown>> = {
  "a reader": (folder) => PromiseStore.open(folder, { mode: "read" }),
  "a reader that was refreshed": async (folder) => (await PromiseStore.open(folder, { mode: "read" })).refresh(),
  "a writer": (folder) => PromiseStore.open(folder),
  "a writer that appended": async (folder) => {
    const store = await PromiseStore.open(folder)
    await store.append("order-1", [event(1)])
    say("acknowledged 1")
  },
  "a shared store that appended through another one": async (folder) => {
    await PromiseStore.open(folder, { shared: true })
    const store = await PromiseStore.open(folder, { shared: true })
    await store.append("order-1", [event(1)])
    say("acknowledged 1")
  },
  "a writer whose thread sealed a segment": async (folder) => {
    const storage = NodeStorage.layerWith({ sealing: "thread" })
    await appendMuch(await PromiseStore.open(folder, { storage, closeBytes: 16 * 1024 * 1024 }))
  },
  "a read that was not finished": async (folder) => {
    const store = await PromiseStore.open(folder)
    await store.append(
      "order-1",
      Array.from({ length: 2000 }, (_, n) => event(n))
    )
    await store.read("order-1")[Symbol.asyncIterator]().next()
  },
  "a writer that stopped and waits to be opened again": async (folder) => {
    const storage = Layer.provideMerge(broken, Logger.layer([]))
    const store = await PromiseStore.open(folder, { storage, reopen: true })
    await store.append("order-1", [event(1)])
    await store.append("order-1", [event(2)]).catch((error: Error) => say(error.name))
  },
  "appends that nobody awaits": async (folder) => {
    const storage = NodeStorage.layerWith({ syncs: "background" })
    const store = await PromiseStore.open(folder, { storage })
    const append = async (n: number) => {
      await store.append(`order-${n % 7}`, [event(n)])
      say(`acknowledged ${n}`)
    }
    for (let n = 0; n < 300; n++) void append(n)
  }
}

const [use, folder] = process.argv.slice(2)
if (use !== undefined) {
  await uses[use]!(folder!)
  say("used")
}

/** Names of the uses, for the test that runs them. */
export const names: ReadonlyArray<string> = Object.keys(uses)
