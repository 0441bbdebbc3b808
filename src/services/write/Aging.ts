/**
 * Finds out when the current dynamic segment is old enough to be closed. There is a timer only while that segment has
 * batches: a writer with nothing to close never wakes up (decision 0046).
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { DynamicFile } from "../journal/DynamicFile.ts"
import type { LibHandle } from "../lib/LibHandle.ts"
import { inBackground } from "../base/inBackground.ts"
import { isDue } from "./flush.ts"

export class Aging {
  readonly #lib: LibHandle
  /** The file that the timer is for; `undefined` while there is no timer. */
  #watched: DynamicFile | undefined
  /** Present while the fibre waits, with a timer or without. */
  #wake: (() => void) | undefined
  #isWoken = false
  /** Set once a file was made old: how long to wait before it is closed, in milliseconds. */
  #pause: number | undefined

  constructor(lib: LibHandle) {
    this.#lib = lib
  }

  /** Notes that a batch was added to the current file. Its age counts from its first batch. */
  noteBatch(): void {
    const { current } = this.#lib.journal
    if (this.#watched === current) return
    this.#watched = current
    this.#wakeUp()
  }

  /** Makes the current file old: it is closed before the next batch, or soon if there is no next batch. */
  makeOld(): void {
    const { current } = this.#lib.journal
    current.makeOld()
    if (!current.hasBatches) return
    this.#pause = Math.max(10, this.#lib.settings.closeAfterMillis / 4)
    this.#wakeUp()
  }

  #wakeUp(): void {
    this.#isWoken = true
    this.#wake?.()
  }

  readonly #woken: Effect.Effect<void> = Effect.callback((resume) => {
    const wake = () => {
      this.#wake = undefined
      this.#isWoken = false
      resume(Effect.void)
    }
    if (this.#isWoken) return wake()
    this.#wake = wake
    return Effect.sync(() => {
      this.#wake = undefined
    })
  })

  /** Runs `close` whenever the current file has become old, until it is interrupted. */
  run(close: Effect.Effect<void>): Effect.Effect<never> {
    return inBackground(Effect.forever(Effect.andThen(this.#woken, this.#untilClosed(close))))
  }

  #untilClosed(close: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      while (true) {
        const rest = this.#takePause() ?? (yield* this.#rest)
        if (rest === undefined) break
        // A batch in the next file ends the wait for this one.
        yield* Number.isFinite(rest) ? Effect.raceFirst(Effect.sleep(rest), this.#woken) : this.#woken
      }
      this.#watched = undefined
      if (yield* isDue(this.#lib)) yield* close
    })
  }

  #takePause(): number | undefined {
    const pause = this.#pause
    this.#pause = undefined
    return pause
  }

  /** Returns for how many milliseconds the current file stays; `undefined` if it is old, or has no batches. */
  readonly #rest: Effect.Effect<number | undefined> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const file = this.#lib.journal.files.at(-1)
    if (file === undefined || !file.hasBatches) return Effect.undefined
    file.stampFirstBatch(now)
    const { closeAfterMillis } = this.#lib.settings
    return Effect.map(isDue(this.#lib), (due) =>
      due ? undefined : Math.min(closeAfterMillis, closeAfterMillis - (now - file.firstBatchAt!))
    )
  })
}
