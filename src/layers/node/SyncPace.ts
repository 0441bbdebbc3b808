/**
 * Decides where a sync runs. On a device that answers within a fraction of a millisecond, the trip to the thread pool
 * and back takes as long as the sync itself, so a small sync runs on the event loop, as in SQLite. A slow sync runs in
 * the thread pool, where it blocks nobody.
 */

/** Where `datasync` runs: on the event loop if `SyncPace` allows it, or always in the thread pool. */
export type Syncs = "adaptive" | "background"

/** Bytes since the last sync, up to which the next one may run on the event loop: more take time on any device. */
const directBytesMax = 16 * 1024

/** Recent average of the microseconds of a sync, up to which the next one runs on the event loop. */
const directMicrosMax = 400

/** Syncs that are measured before any runs on the event loop. */
const seenMin = 16

/** Microseconds of a sync after which the event loop must not soon wait for another one. */
const stallMicros = 10_000

/** Syncs that run in the thread pool after one of that length. */
const pauseLength = 100

export class SyncPace {
  #average = 0
  #seen = 0
  #pause = 0

  /** Returns whether the next sync, of this many bytes written since the last one, should run on the event loop. */
  isDirect(bytes: number): boolean {
    return bytes <= directBytesMax && this.#seen >= seenMin && this.#pause === 0 && this.#average <= directMicrosMax
  }

  /** Records how many microseconds a sync took, including the trip to the thread pool if it made one. */
  took(micros: number): void {
    this.#average = this.#seen === 0 ? micros : this.#average + (micros - this.#average) / 8
    this.#seen++
    if (this.#pause > 0) this.#pause--
    if (micros > stallMicros) this.#pause = pauseLength
  }
}
