/** Medians and percentiles. */

/** Returns the value below which `share` of all values are, or NaN if there are no values. */
export const percentile = (values: Iterable<number>, share: number): number => {
  const sorted = Float64Array.from(values).toSorted()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (values: Iterable<number>): number => percentile(values, 0.5)

/** Returns the median of the values that are defined, or `undefined` if there are no such values. */
export const medianOf = (values: ReadonlyArray<number | undefined>): number | undefined => {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : median(known)
}
