/** What is known of the memory that inputs took, put together. */
import type { Growth } from "./memory.ts"

export class MemoryTally {
  #checked = 0
  #largest = { bytes: 0, number: -1 }
  /** By reason, the inputs whose memory was not checked. */
  readonly #unchecked = new Map<string, number>()

  /** Notes the growth of input `number`. */
  add(growth: Growth, number: number): void {
    if ("unknown" in growth) {
      this.#unchecked.set(growth.unknown, (this.#unchecked.get(growth.unknown) ?? 0) + 1)
      return
    }
    this.#checked += 1
    if (growth.bytes > this.#largest.bytes || this.#largest.number === -1) {
      this.#largest = { bytes: growth.bytes, number }
    }
  }

  /** What is wrong: Linux tells how large a process is, so a bound that was never looked at there is no bound. */
  failures(platform: NodeJS.Platform): ReadonlyArray<string> {
    if (platform !== "linux" || this.#checked > 0 || this.#unchecked.size === 0) return []
    return [`memory was checked for no input: ${[...this.#unchecked.keys()].join("; ")}`]
  }

  figures(): ReadonlyArray<string> {
    const { bytes, number } = this.#largest
    const mib = (bytes / 1024 / 1024).toFixed(1)
    const checked = `memory checked for ${this.#checked} inputs; the largest is ${number}: ${mib} MiB more than before it`
    const unchecked = [...this.#unchecked].map(([why, count]) => `memory not checked for ${count} inputs: ${why}`)
    return this.#checked === 0 ? unchecked : [checked, ...unchecked]
  }
}
