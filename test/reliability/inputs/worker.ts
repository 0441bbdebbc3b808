/**
 * Tries one input after the other in a separate thread. The thread has a memory limit, and can be terminated from
 * outside if it hangs.
 */
import { parentPort, workerData } from "node:worker_threads"
import { makeBases } from "./bases.ts"
import { truthOf, tryInput } from "./tryInput.ts"
import { atEnd, type Work } from "./work.ts"

const { current, end, from, seed, step } = workerData as Work
const now = new Int32Array(current)

const bases = await makeBases()
const truth = await truthOf(bases)

const blamed: Array<string> = []
const blame = (error: unknown) => blamed.push(`unhandled: ${error instanceof Error ? error.stack : String(error)}`)
process.on("unhandledRejection", blame)
process.on("uncaughtException", blame)
for (let number = from; number < end; number += step) {
  Atomics.store(now, 0, number)
  const tried = await tryInput(bases, truth, seed, number)
  // Let unhandled rejections surface now, so that they are blamed on this input.
  await new Promise<void>((resolve) => void setImmediate(resolve))
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of worker_threads has no origin
  parentPort!.postMessage({ ...tried, blames: [...tried.blames, ...blamed.splice(0)] })
}
Atomics.store(now, 0, atEnd)
