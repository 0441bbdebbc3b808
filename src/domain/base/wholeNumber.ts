/**
 * Returns a number argument, rounded down and not below 0. `Infinity` stays `Infinity`. An argument that is not a
 * number is a mistake in the caller's program, which it cannot handle, so this throws a defect that names the argument.
 *
 * @throws RangeError
 */
export const wholeNumber = (name: string, given: number | undefined, otherwise: number): number => {
  if (given === undefined) return otherwise
  if (typeof given !== "number" || Number.isNaN(given)) throw new RangeError(`${name} must be a number, not ${given}`)
  return Math.max(0, Math.floor(given))
}
