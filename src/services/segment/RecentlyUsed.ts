/** Values by key, up to a number of bytes. When there are more, drops those that were not used for the longest time. */
export class RecentlyUsed<A> {
  readonly #bytesMax: number
  readonly #bytesOf: (value: A) => number
  readonly #onDrop: (value: A) => void
  /** In the order of their last use. */
  readonly #values = new Map<string, { readonly value: A; readonly bytes: number }>()
  #bytes = 0

  /** `onDrop` receives each value that is dropped, deleted or replaced. */
  constructor(bytesMax: number, bytesOf: (value: A) => number, onDrop: (value: A) => void = () => {}) {
    this.#bytesMax = bytesMax
    this.#bytesOf = bytesOf
    this.#onDrop = onDrop
  }

  get size(): number {
    return this.#values.size
  }

  /** Bytes of all values. */
  get bytes(): number {
    return this.#bytes
  }

  /** Returns the value of this key, which counts as used now. */
  get(key: string): A | undefined {
    const found = this.#values.get(key)
    if (found === undefined) return undefined
    this.#values.delete(key)
    this.#values.set(key, found)
    return found.value
  }

  /** Keeps a value, even if it alone is larger than allowed, until the next one. */
  set(key: string, value: A): void {
    this.delete(key)
    const bytes = this.#bytesOf(value)
    this.#bytes += bytes
    for (const oldest of this.#values.keys()) {
      if (this.#bytes <= this.#bytesMax) break
      this.delete(oldest)
    }
    this.#values.set(key, { value, bytes })
  }

  delete(key: string): void {
    const found = this.#values.get(key)
    if (found === undefined) return
    this.#values.delete(key)
    this.#bytes -= found.bytes
    this.#onDrop(found.value)
  }

  keys(): Iterable<string> {
    return this.#values.keys()
  }
}
