/** Returns whether a value is an array that can be read. Unlike `Array.isArray`, it throws for no value. */
export const isArray = (value: unknown): value is ReadonlyArray<unknown> => {
  try {
    return Array.isArray(value) && value.length >= 0
  } catch {
    return false
  }
}
