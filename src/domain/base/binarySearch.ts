/** The last place in an ascending column whose value is at most `wanted`; −1 when there is none. */
export const lastNotAfter = (column: Uint32Array | Float64Array, wanted: number): number => {
  let low = 0
  let high = column.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (column[middle]! <= wanted) low = middle + 1
    else high = middle
  }
  return low - 1
}
