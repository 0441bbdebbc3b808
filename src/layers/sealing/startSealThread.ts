/** Starts the thread of `SealThread`. */
import * as Effect from "effect/Effect"
import { lazy } from "../../services/base/lazy.ts"
import type { Reply } from "./sealMessages.ts"
import type { StartThread, Thread } from "./SealThread.ts"

const sealProgram = lazy(() => import("./sealProgram.ts"), "sealProgram")

/** The thread starts once its program is loaded. What it is asked before waits. */
export const startSealThread: StartThread = (onReply, onEnd) => {
  let thread: Thread | undefined
  let hasEnded = false
  const waiting: Array<(thread: Thread) => void> = []
  const tell = (what: (thread: Thread) => void): void => {
    if (thread === undefined) waiting.push(what)
    else what(thread)
  }
  const start = async (): Promise<void> => {
    try {
      const url = await Effect.runPromise(sealProgram())
      if (hasEnded) return
      thread = startWorker(url, onReply, onEnd)
      for (const what of waiting.splice(0)) what(thread)
    } catch (error) {
      onEnd(error)
    }
  }
  void start()
  return {
    postMessage: (ask, moved) => tell((its) => its.postMessage(ask, moved)),
    hold: (held) => tell((its) => its.hold(held)),
    end: async () => {
      hasEnded = true
      await thread?.end()
    }
  }
}

const startWorker = (url: URL, ...[onReply, onEnd]: Parameters<StartThread>): Thread => {
  // Loaded only now: it takes 5 ms and more, and few programs write that much.
  const { Worker } = process.getBuiltinModule("node:worker_threads")
  const worker = new Worker(url, {
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
