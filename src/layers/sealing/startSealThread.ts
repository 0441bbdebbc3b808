/** Starts the thread of `SealThread`. */
import * as Effect from "effect/Effect"
import type { Worker } from "node:worker_threads"
import { onceLoaded } from "../../services/base/lazy.ts"
import type { Ask, Reply } from "./sealMessages.ts"
import type { StartThread } from "./SealThread.ts"

/** Loaded only with the first thread: few programs write that much, and the module contains the whole program. */
const program = onceLoaded(() => import("./sealWorkerUrl.ts"))

export const startSealThread: StartThread = (onReply, onEnd) => {
  let worker: Worker | undefined
  let isHeld = false
  let isEnded = false
  const asks: Array<readonly [Ask, ReadonlyArray<ArrayBuffer>]> = []
  const started = Effect.runPromise(program).then(({ sealWorkerUrl }) => {
    if (isEnded) return
    worker = start(sealWorkerUrl())
    worker.on("message", (reply: Reply) => onReply(reply))
    for (const event of ["messageerror", "error", "exit"]) worker.on(event, onEnd)
    if (isHeld) worker.ref()
    for (const [ask, moved] of asks.splice(0)) worker.postMessage(ask, moved)
  })
  started.catch(onEnd)
  return {
    postMessage: (ask, moved) => (worker === undefined ? void asks.push([ask, moved]) : worker.postMessage(ask, moved)),
    hold: (held) => {
      isHeld = held
      if (held) worker?.ref()
      else worker?.unref()
    },
    end: async () => {
      isEnded = true
      asks.length = 0
      await worker?.terminate()
    }
  }
}

const start = (url: URL): Worker => {
  // Loaded only now: it takes 5 ms and more.
  const { Worker } = process.getBuiltinModule("node:worker_threads")
  const worker = new Worker(url, {
    name: "litetapes",
    // Flags of the process are meant for its own code.
    execArgv: [],
    // A small young generation, so that garbage is collected early.
    resourceLimits: { maxYoungGenerationSizeMb: 8 }
  })
  worker.unref()
  return worker
}
