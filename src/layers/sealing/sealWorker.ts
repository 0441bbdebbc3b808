/** The program of the thread that seals segments; `startSealThread` starts it. */
import { parentPort } from "node:worker_threads"
import { sealWorkerHandler } from "./sealWorkerHandler.ts"

const port = parentPort!
port.on(
  "message",
  sealWorkerHandler((reply, moved) => port.postMessage(reply, moved))
)
// The sender waits for an answer to a message that did not arrive: it notices that this thread has ended.
port.on("messageerror", () => process.exit(1))
