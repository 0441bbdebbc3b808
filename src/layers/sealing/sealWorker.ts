/** The thread that seals segments, as `startSealThread` starts it. */
import { parentPort } from "node:worker_threads"
import { sealWorkerHandler } from "./sealWorkerHandler.ts"

const port = parentPort!
port.on(
  "message",
  sealWorkerHandler((reply, moved) => port.postMessage(reply, moved))
)
// What did not arrive was asked for all the same: this thread's end says so.
port.on("messageerror", () => process.exit(1))
