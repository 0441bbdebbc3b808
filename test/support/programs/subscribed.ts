/**
 * Subscribes to, and then consumes, the store in the folder at its second argument, opened with the mode at its first, and says what keeps the
 * process alive. Ends by itself, with the store open.
 */
import { setImmediate } from "node:timers/promises"
import * as PromiseStore from "litetapes/PromiseStore"
import { say } from "../children.ts"

/** Whether a timer keeps the process alive. Timers that do not are not listed. */
const isKept = (): boolean => process.getActiveResourcesInfo().includes("Timeout")

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn++) await setImmediate()
}

const [mode, folder] = process.argv.slice(2)
if (folder !== undefined) {
  const store = await PromiseStore.open(folder, { mode: mode as "write" | "read" })
  const controller = new AbortController()
  const events = store.subscribe({ signal: controller.signal })[Symbol.asyncIterator]()
  const first = await events.next()
  say(`event ${first.value.position}`)
  const waiting = events.next()
  await settled()
  say(isKept() ? "kept alive" : "not kept alive")
  controller.abort()
  await waiting.catch((error: Error) => say(error.name))
  for await (const { position } of store.subscribe()) {
    say(`event ${position}`)
    break
  }
  say("left by break")
  const idle = new AbortController()
  await store.subscribe({ signal: idle.signal })[Symbol.asyncIterator]().next()
  idle.abort()
  await settled()
  say(isKept() ? "kept alive" : "not kept alive")
  const consumer = await store.consume({ name: "counting", checkpoints: new Map(), handler: () => undefined })
  await consumer.pause()
  await settled()
  say(isKept() ? "kept alive" : "not kept alive")
  await consumer.stop()
  await settled()
  say(isKept() ? "kept alive" : "not kept alive")
}
