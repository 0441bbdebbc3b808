/** Starts the thread of `SealThread`. */
import { Worker } from "node:worker_threads"
import type { Reply } from "./sealMessages.ts"
import type { StartThread } from "./SealThread.ts"

export const startSealThread: StartThread = (onReply, onEnd) => {
  // Next to this file, compiled or not; a bundle may have neither.
  const script = new URL(import.meta.url.endsWith(".ts") ? "./sealWorker.ts" : "./sealWorker.js", import.meta.url)
  const worker = new Worker(script, {
    name: "litetapes",
    // Flags of the process are meant for its own code.
    execArgv: [],
    // A small young generation, so that garbage is collected early.
    resourceLimits: { maxYoungGenerationSizeMb: 8 }
  })
  worker.unref()
  worker.on("message", (reply: Reply) => onReply(reply))
  for (const event of ["messageerror", "error", "exit"]) worker.on(event, onEnd)
  return {
    postMessage: (ask, moved) => worker.postMessage(ask, moved),
    hold: (held) => (held ? worker.ref() : worker.unref()),
    end: () => worker.terminate()
  }
}
