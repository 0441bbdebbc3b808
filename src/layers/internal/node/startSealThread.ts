/** Starts the thread of `SealThread`. */
import { Worker } from "node:worker_threads"
import type { Reply } from "./sealMessages.ts"
import type { StartThread } from "./SealThread.ts"

// Beside this file, compiled or not.
const script = new URL(import.meta.url.endsWith(".ts") ? "./sealWorker.ts" : "./sealWorker.js", import.meta.url)

/** It holds one segment's index and some pieces of lines: what it leaves behind is collected early. */
const resourceLimits = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 512 }

export const startSealThread: StartThread = (onReply, onEnd) => {
  const worker = new Worker(script, { name: "litetapes", resourceLimits, stdin: false })
  worker.unref()
  worker.on("message", (reply: Reply) => onReply(reply))
  worker.on("error", onEnd)
  worker.on("exit", onEnd)
  return {
    postMessage: (ask, moved) => worker.postMessage(ask, moved),
    hold: (held) => (held ? worker.ref() : worker.unref()),
    end: () => worker.terminate()
  }
}
