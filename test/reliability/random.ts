/** Random numbers that depend only on a seed. */

export interface Random {
  /** Returns a number from 0 up to, but not including, 1. */
  readonly next: () => number
  /** Returns a whole number from 0 to `count - 1`. */
  readonly below: (count: number) => number
  readonly pick: <A>(from: ReadonlyArray<A>) => A
}

/** Makes a generator: mulberry32, by Tommy Ettinger (public domain). */
export const makeRandom = (seed: number): Random => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  const below = (count: number): number => Math.floor(next() * count)
  return { next, below, pick: (from) => from[below(from.length)]! }
}

/** Combines several numbers into a seed. */
export const seedOf = (...numbers: ReadonlyArray<number>): number => {
  let seed = 0x811c9dc5
  for (const number of numbers) seed = Math.imul(seed ^ (number | 0), 0x01000193) ^ (seed >>> 15)
  return seed >>> 0
}
