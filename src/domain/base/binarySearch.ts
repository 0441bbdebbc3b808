/** Binary search over anything that is sorted. */

/**
 * Returns the first index from 0 to `count` for which `isBefore` is false. It must be true before it, and false after
 * it.
 */
export const firstNotBefore = (count: number, isBefore: (index: number) => boolean): number => {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}

/** Returns the last index of an ascending column whose value is at most `wanted`, or −1 if all values are larger. */
export const lastNotAfter = (column: Uint32Array | Float64Array, wanted: number): number =>
  firstNotBefore(column.length, (index) => column[index]! <= wanted) - 1
