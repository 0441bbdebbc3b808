/** A storage whose operations take turns, so that other fibres run in the middle of reads and commits. */
import * as Effect from "effect/Effect"
import type { Storage } from "litetapes/Storage"
import { changeRoot } from "./changeRoot.ts"

/** Yields to other fibres `count` times. */
export const turns = (count: number): Effect.Effect<void> =>
  Effect.forEach(Array.from({ length: count }), () => Effect.yieldNow, { discard: true })

/** `pauses` are the turns of the operations, again and again. */
export const yielding = (base: Storage["Service"], pauses: ReadonlyArray<number>): Storage["Service"] => {
  let calls = 0
  const slow = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const pause = pauses[calls++ % pauses.length]!
      return Effect.andThen(turns(pause), Effect.tap(effect, turns(pause)))
    })
  return {
    open: (location, mode) =>
      Effect.map(base.open(location, mode), (root) =>
        changeRoot(root, {
          journal: {
            create: (...args) =>
              Effect.map(root.journal.create(...args), (writer) => ({
                append: (bytes) => slow(writer.append(bytes)),
                close: writer.close
              })),
            read: (...args) => slow(root.journal.read(...args)),
            readRanges: (...args) => slow(root.journal.readRanges(...args))
          },
          segments: { read: (...args) => slow(root.segments.read(...args)) }
        })
      )
  }
}
