/**
 * A number that a caller gave: rounded down, not below 0, `Infinity` where that is meant. What is no number is a mistake
 * in the caller's program, not something that it can handle: it is a defect that says which argument it was.
 *
 * @throws RangeError
 */
export const wholeNumber = (name: string, given: number | undefined, otherwise: number): number => {
  if (given === undefined) return otherwise
  if (typeof given !== "number" || Number.isNaN(given)) throw new RangeError(`${name} must be a number, not ${given}`)
  return Math.max(0, Math.floor(given))
}
