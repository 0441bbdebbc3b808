/**
 * How far a consumer is: the lowest position that is not done, and what is done above it. An event is done once it was
 * handled, filtered, skipped or parked.
 */

/** Positions from the first one up to the second one, which is excluded. */
export type Range = readonly [from: number, to: number]

export class Progress {
  /** Begun and not done, in ascending order. */
  readonly #open = new Set<number>()
  /** What an earlier run has done from `#next` on, in ascending order. */
  #before: Array<Range>
  #next: number

  /** Continues at `low`, where `done` is done above it already. */
  constructor(low: number, done: ReadonlyArray<Range> = []) {
    this.#next = low
    this.#before = [...done]
  }

  /** The lowest position that is not done. */
  get low(): number {
    for (const first of this.#open) return first
    return this.#next
  }

  /** Position that is looked at next: everything before it is done or has begun. */
  get next(): number {
    return this.#next
  }

  /** Position after the last one that is known to be done or has begun. */
  get end(): number {
    return Math.max(this.#next, this.#before.at(-1)?.[1] ?? 0)
  }

  /** Number of events that have begun and are not done. */
  get open(): number {
    return this.#open.size
  }

  /** What is done above `low`: at most one range more than there are open events, and those of an earlier run. */
  get done(): ReadonlyArray<Range> {
    const ranges: Array<Range> = []
    let from: number | undefined
    for (const position of this.#open) {
      if (from !== undefined && from < position) ranges.push([from, position])
      from = position + 1
    }
    if (from !== undefined && from < this.#next) ranges.push([from, this.#next])
    for (const [begin, end] of this.#before) {
      const last = ranges.at(-1)
      if (last?.[1] === begin) ranges[ranges.length - 1] = [last[0], end]
      else if (end > this.low) ranges.push([begin, end])
    }
    return ranges
  }

  /** Begins the next event that matches: those before it were filtered. Returns `false` if it is done already. */
  begin(position: number): boolean {
    this.cover(position)
    const isDone = this.#before.some(([from, to]) => position >= from && position < to)
    if (!isDone) this.#open.add(position)
    this.cover(position + 1)
    return !isDone
  }

  /** Notes that everything before `next` has begun, or does not match. */
  cover(next: number): void {
    if (next <= this.#next) return
    this.#next = next
    if (this.#before.length > 0) {
      this.#before = this.#before.flatMap(([from, to]) => (to <= next ? [] : [[Math.max(from, next), to] as const]))
    }
  }

  /** Returns a copy in which these events are done, too. */
  after(positions: ReadonlyArray<number>): Progress {
    const copy = new Progress(this.#next, this.#before)
    for (const position of this.#open) copy.#open.add(position)
    for (const position of positions) copy.finish(position)
    return copy
  }

  /** Notes that an event that has begun is done. */
  finish(position: number): void {
    this.#open.delete(position)
  }
}
