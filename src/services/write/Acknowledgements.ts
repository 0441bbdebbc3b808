/** Acknowledges a batch to its callers, in order, in any number of steps (decision 0029). */
export class Acknowledgements {
  readonly #tells: ReadonlyArray<() => void>
  #told = 0

  constructor(tells: ReadonlyArray<() => void>) {
    this.#tells = tells
  }

  get areTold(): boolean {
    return this.#told === this.#tells.length
  }

  /** Acknowledges callers while `mayTell` returns true. If one throws, the next call continues with the others. */
  tellWhile(mayTell: () => boolean): void {
    while (!this.areTold && mayTell()) this.#tells[this.#told++]!()
  }

  tellRest(): void {
    this.tellWhile(() => true)
  }
}
