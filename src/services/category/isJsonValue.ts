import { isObjectPrototype } from "../../domain/json/plainPrototype.ts"

/**
 * Whether TaraSON would store a value as it is. It looks only for what a schema may encode to besides JSON; a value that
 * is refused for another reason is refused when the event is written.
 */
export const isJsonValue = (value: unknown, depth = 0): boolean => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true
    case "number":
      return Number.isFinite(value)
    case "object":
      return value === null || depth > depthMax || isJsonObject(value, depth)
    default:
      return false
  }
}

/** Deeper than any record: what is nested deeper, or endlessly, is refused when the event is written. */
const depthMax = 1000

const isJsonObject = (value: object, depth: number): boolean => {
  if (Array.isArray(value)) {
    for (const element of value) if (!isJsonValue(element, depth + 1)) return false
    return true
  }
  if (!isObjectPrototype(Object.getPrototypeOf(value))) return false
  for (const key in value) if (!isJsonValue((value as Record<string, unknown>)[key], depth + 1)) return false
  return true
}
