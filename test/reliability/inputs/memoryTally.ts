/** Adds up the memory that inputs took. */
import type { Growth } from "./memory.ts"

export class MemoryTally {
  #checked = 0
  #largest = { bytes: 0, number: -1 }
  /** Number of inputs whose memory was not measured, by reason. */
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

  /** Returns failures. On Linux memory can be measured: if that never worked there, the limit was not tested. */
  failures(platform: NodeJS.Platform): ReadonlyArray<string> {
    if (platform !== "linux" || this.#checked > 0 || this.#unchecked.size === 0) return []
    return [`memory was measured for no input: ${[...this.#unchecked.keys()].join("; ")}`]
  }

  figures(): ReadonlyArray<string> {
    const { bytes, number } = this.#largest
    const mib = (bytes / 1024 / 1024).toFixed(1)
    const checked = `memory measured for ${this.#checked} inputs; input ${number} took the most: ${mib} MiB`
    const unchecked = [...this.#unchecked].map(([why, count]) => `memory not measured for ${count} inputs: ${why}`)
    return this.#checked === 0 ? unchecked : [checked, ...unchecked]
  }
}
