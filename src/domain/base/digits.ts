/** Returns the number of decimal digits of a whole number from 0 to below 2^31. */
export const digitsOf = (count: number): number => {
  let digits = 1
  for (let rest = count; rest >= 10; rest = (rest / 10) | 0) digits++
  return digits
}

/** Writes the decimal digits of such a number so that they end before `end`. */
export const putDigits = (target: Uint8Array, end: number, count: number): void => {
  let at = end
  let rest = count
  do {
    const quotient = (rest / 10) | 0
    target[--at] = 0x30 + rest - quotient * 10
    rest = quotient
  } while (rest !== 0)
}
