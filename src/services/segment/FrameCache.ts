/**
 * Frames that were decompressed recently, so that reading on within a frame, or the same event again, decompresses
 * nothing.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Maximum size of the frames that a lib keeps. */
export const cacheBytesMax = 16 * 1024 * 1024

/** Drops the least recently used frame first. The frames that it returns are shared and must not be changed. */
export class FrameCache<E> {
  readonly #bytesMax: number
  readonly #frames = new Map<string, Uint8Array>()
  readonly #loading = new Map<string, Deferred.Deferred<Uint8Array, E>>()
  #bytes = 0

  constructor(bytesMax: number = cacheBytesMax) {
    this.#bytesMax = bytesMax
  }

  /** Size of the frames that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** Returns the frame with this key, or loads it. Fibres that want the same frame at the same time share one load. */
  get(key: string, load: Effect.Effect<Uint8Array, E>): Effect.Effect<Uint8Array, E> {
    // Uninterruptible, because other fibres may wait for this load.
    return Effect.uninterruptibleMask((restore) => {
      const kept = this.#frames.get(key)
      if (kept !== undefined) {
        this.#frames.delete(key)
        this.#frames.set(key, kept)
        return Effect.succeed(kept)
      }
      const loading = this.#loading.get(key)
      if (loading !== undefined) return restore(Deferred.await(loading))
      const mine = Deferred.makeUnsafe<Uint8Array, E>()
      this.#loading.set(key, mine)
      return Effect.onExit(load, (exit) =>
        Effect.sync(() => {
          this.#loading.delete(key)
          if (Exit.isSuccess(exit)) this.#keep(key, exit.value)
          Deferred.doneUnsafe(mine, exit)
        })
      )
    })
  }

  #keep(key: string, frame: Uint8Array): void {
    if (frame.length > this.#bytesMax) return
    this.#frames.set(key, frame)
    this.#bytes += frame.length
    for (const [oldest, old] of this.#frames) {
      if (this.#bytes <= this.#bytesMax) return
      this.#frames.delete(oldest)
      this.#bytes -= old.length
    }
  }
}
