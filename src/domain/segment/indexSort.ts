import { invariant } from "../base/invariant.ts"

/** Returns whether `key` can be sorted here: an integer in [0, 2^53). */
export const isSortable = (key: number): boolean => Number.isSafeInteger(key) && key >= 0

/** Up to this many keys, comparing is faster than five passes over their digits. */
const comparedMax = 512

/** Returns the order that sorts `keys`: `keys[order[0]] ≤ keys[order[1]] ≤ …`. Stable. */
export const sortedOrder = (keys: Float64Array): Uint32Array =>
  keys.length <= comparedMax ? comparedOrder(keys) : radixOrder(keys)

const comparedOrder = (keys: Float64Array): Uint32Array => {
  const order = new Uint32Array(keys.length)
  for (let i = 0; i < keys.length; i++) {
    invariant(isSortable(keys[i]!), "a hash is an integer in [0, 2^53)")
    order[i] = i
  }
  return order.toSorted((a, b) => keys[a]! - keys[b]! || a - b)
}

/** A radix sort of 53-bit integers with 11 bits in each pass: linear even if all keys are equal. */
const radixOrder = (keys: Float64Array): Uint32Array => {
  const high = new Uint32Array(keys.length)
  const low = new Uint32Array(keys.length)
  let from = new Uint32Array(keys.length)
  let to = new Uint32Array(keys.length)
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    invariant(isSortable(key), "a hash is an integer in [0, 2^53)")
    high[i] = Math.floor(key / 0x1_0000_0000)
    low[i] = key >>> 0
    from[i] = i
  }
  for (const [digits, shift] of [
    [low, 0],
    [low, 11],
    [low, 22],
    [high, 0],
    [high, 11]
  ] as const) {
    pass(digits, shift, from, to)
    const sorted = to
    to = from
    from = sorted
  }
  return from
}

const radix = 2048

const pass = (digits: Uint32Array, shift: number, from: Uint32Array, to: Uint32Array): void => {
  const next = new Uint32Array(radix + 1)
  for (const digit of digits) next[((digit >>> shift) & (radix - 1)) + 1]!++
  for (let digit = 0; digit < radix; digit++) next[digit + 1]! += next[digit]!
  for (const item of from) to[next[(digits[item]! >>> shift) & (radix - 1)]!++] = item
}
