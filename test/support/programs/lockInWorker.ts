/** Tries the lock at the path in `workerData`, in a worker thread, and posts `held` or the error code. */
import * as Effect from "effect/Effect"
import { parentPort, workerData } from "node:worker_threads"
import * as NodeDisk from "../../../src/layers/NodeDisk.ts"

const tried = NodeDisk.make
  .lock(workerData as string)
  .pipe(Effect.match({ onFailure: (error) => error.code, onSuccess: () => "held" }), Effect.scoped)

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of worker_threads has no origin
parentPort!.postMessage(await Effect.runPromise(tried))
