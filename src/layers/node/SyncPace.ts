/**
 * Where a sync is done. On a device that answers within a fraction of a millisecond the trip to the thread pool and back
 * takes as long as the sync itself: there a small one is done on the spot, as SQLite's are. A slow one blocks nobody: it
 * goes to the thread pool.
 */

/** Bytes since the last sync, up to which one may be done on the spot: more takes its time on any device. */
const directBytesMax = 16 * 1024

/** Microseconds that syncs took on the average lately, up to which the next one is done on the spot. */
const directMicrosMax = 400

/** Syncs that are seen before any is done on the spot. */
const seenMin = 16

/** Microseconds of one sync that are so long that the event loop must not wait for another one soon. */
const stallMicros = 10_000

/** Syncs that go to the thread pool after such a one. */
const pauseLength = 100

export class SyncPace {
  #average = 0
  #seen = 0
  #pause = 0

  /** Whether the next sync, of so many bytes that were written since the last one, is done on the spot. */
  isDirect(bytes: number): boolean {
    return bytes <= directBytesMax && this.#seen >= seenMin && this.#pause === 0 && this.#average <= directMicrosMax
  }

  /** A sync took so many microseconds, the trip to the thread pool included where it made one. */
  took(micros: number): void {
    this.#average = this.#seen === 0 ? micros : this.#average + (micros - this.#average) / 8
    this.#seen++
    if (this.#pause > 0) this.#pause--
    if (micros > stallMicros) this.#pause = pauseLength
  }
}
