/** Frames that were decompressed lately: reading on within one, or the same event again, costs no decompression. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Most bytes of frames that a lib keeps. */
export const cacheBytesMax = 16 * 1024 * 1024

/** The least recently used go first. What is handed out is shared and must not be changed. */
export class FrameCache<E> {
  readonly #bytesMax: number
  readonly #frames = new Map<string, Uint8Array>()
  readonly #loading = new Map<string, Deferred.Deferred<Uint8Array, E>>()
  #bytes = 0

  constructor(bytesMax: number = cacheBytesMax) {
    this.#bytesMax = bytesMax
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** The frame of that name, from `load` where it is not kept. Several that want it at once load it once. */
  get(key: string, load: Effect.Effect<Uint8Array, E>): Effect.Effect<Uint8Array, E> {
    // Uninterruptible: others may wait for this one.
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
