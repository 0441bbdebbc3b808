/** Telling all who wait for a batch what became of it, in order and in as many steps as one likes (decision 0029). */
export class Acknowledgements {
  readonly #tells: ReadonlyArray<() => void>
  #told = 0

  constructor(tells: ReadonlyArray<() => void>) {
    this.#tells = tells
  }

  get areTold(): boolean {
    return this.#told === this.#tells.length
  }

  /** Tells one after the other while `mayTell`. What one throws keeps none of the others from being told by the next call. */
  tellWhile(mayTell: () => boolean): void {
    while (!this.areTold && mayTell()) this.#tells[this.#told++]!()
  }

  tellRest(): void {
    this.tellWhile(() => true)
  }
}
