/** Starts the thread of `SealThread`. */
import type { Reply } from "./sealMessages.ts"
import type { StartThread } from "./SealThread.ts"
import { sealWorkerUrl } from "./sealWorkerUrl.ts"

export const startSealThread: StartThread = (onReply, onEnd) => {
  // Loaded only now: it takes 5 ms and more, and few programs write that much.
  const { Worker } = process.getBuiltinModule("node:worker_threads")
  const worker = new Worker(sealWorkerUrl(), {
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
