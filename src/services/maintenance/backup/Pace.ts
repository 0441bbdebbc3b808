/** Keeps a copy from taking the time of appends in the same process. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { LibHandle } from "../../lib/LibHandle.ts"

const KiB = 1024

/** Bytes of the largest piece, which is copied while nobody appends. */
export const pieceBytesMax = 1024 * KiB

/** Bytes of a piece while somebody does: hashing it holds the event loop up for less than half a millisecond. */
const pieceBytesBeside = 256 * KiB

/** While somebody appends, a copy rests this many times as long as a piece takes. */
const restFactor = 9

/** A batch counts as a sign of appends for this long, in milliseconds. */
const quietMillis = 100

export class Pace {
  readonly #lib: LibHandle
  /** While somebody appends, one piece after the other is copied, of all files. */
  readonly #turn = Semaphore.makeUnsafe(1)
  #batch: number
  #until = 0

  constructor(lib: LibHandle) {
    this.#lib = lib
    this.#batch = lib.journal.durable.batch
  }

  /**
   * Runs `step` with the size of a piece. If batches are committed in this process meanwhile, rests afterwards. (A clock
   * that stands still, as in a simulation, measures nothing, so there is no rest.)
   */
  run<A, E>(step: (pieceBytes: number) => Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      now < this.#until
        ? this.#turn.withPermit(this.#resting(step(pieceBytesBeside)))
        : this.#resting(step(pieceBytesMax))
    )
  }

  #resting<A, E>(step: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.flatMap(Clock.currentTimeMillis, (start) =>
      Effect.flatMap(step, (value) =>
        Effect.flatMap(Clock.currentTimeMillis, (end) => {
          const { batch } = this.#lib.journal.durable
          if (this.#lib.root.mode === "write" && batch !== this.#batch) this.#until = end + quietMillis
          this.#batch = batch
          if (end === start || end >= this.#until) return Effect.as(Effect.yieldNow, value)
          return Effect.as(Effect.sleep(restFactor * (end - start)), value)
        })
      )
    )
  }
}
