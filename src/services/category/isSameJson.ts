/** Whether two JSON values have the same canonical text. Compares the values, which costs less than two texts. */
export const isSameJson = (a: unknown, b: unknown, depth = 0): boolean => {
  // What is nested deeper is refused when the event is written.
  if (a === b || depth > depthMax) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((element, index) => isSameJson(element, b[index], depth + 1))
  }
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && isSameJson(fieldOf(a, key), fieldOf(b, key), depth + 1))
}

const depthMax = 1000

const fieldOf = (value: object, key: string): unknown => (value as Record<string, unknown>)[key]
