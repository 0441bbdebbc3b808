/** Counts values by size. Costs some nanoseconds a value, and allocates nothing. */

/** The state of a histogram, as `Metric` of Effect shows it. */
export interface HistogramState {
  /** Upper bounds, with the number of values that are at most that large. */
  readonly buckets: ReadonlyArray<[number, number]>
  readonly count: number
  readonly min: number
  readonly max: number
  readonly sum: number
}

export class Histogram {
  /** Upper bounds of the buckets, ascending. */
  readonly bounds: ReadonlyArray<number>
  readonly #counts: Float64Array
  #count = 0
  #sum = 0
  #min = Number.MAX_VALUE
  #max = -Number.MAX_VALUE

  constructor(bounds: ReadonlyArray<number>) {
    this.bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  /** Counts a value. Leaves out `NaN`, the time since a moment that was not noted. */
  record(value: number): void {
    if (Number.isNaN(value)) return
    const { bounds } = this
    let at = 0
    while (at < bounds.length && value > bounds[at]!) at++
    this.#counts[at]!++
    this.#count++
    this.#sum += value
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
  }

  get state(): HistogramState {
    let most = 0
    const buckets = this.bounds.map((bound, at): [number, number] => [bound, (most += this.#counts[at]!)])
    return { buckets, count: this.#count, min: this.#min, max: this.#max, sum: this.#sum }
  }
}

/** Returns `count` bounds, each of them twice the one before. */
export const doubling = (first: number, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, n) => first * 2 ** n)
