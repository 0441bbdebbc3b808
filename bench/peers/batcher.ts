/**
 * Group commit, as a user would write it for a store without one. Events that are appended before the next turn of the
 * event loop, or while a batch is being written, form one batch.
 */
import type { Addressed, NewEvent, Store } from "./peer.ts"

interface Waiting extends Addressed {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Returns an `append` that commits concurrent events together. */
export const batched = (appendBatch: Store["appendBatch"]): ((stream: string, event: NewEvent) => Promise<void>) => {
  let waiting: Array<Waiting> = []
  let running = false
  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        await appendBatch(batch)
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
      await nextTurn()
    }
    running = false
  }
  return (stream, event) =>
    new Promise((resolve, reject) => {
      waiting.push({ stream, event, resolve, reject })
      if (running) return
      running = true
      setImmediate(() => void run())
    })
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
