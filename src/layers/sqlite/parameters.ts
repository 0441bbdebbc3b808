/** Values of a program as values that SQLite stores. */
import { unstorable } from "./sqlErrors.ts"

type Value = null | number | bigint | string | Uint8Array

/**
 * Returns what is bound for each value. Throws a `SqlError` for a value that would be read back as another one, or that
 * SQLite does not have.
 */
export const boundValues = (values: ReadonlyArray<unknown>): Array<Value> => values.map(boundValue)

const boundValue = (value: unknown): Value => {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw unstorable("a text has half a surrogate pair, which SQLite would replace")
      return value
    case "number":
      return boundNumber(value)
    case "boolean":
      return value ? 1n : 0n
    case "bigint":
      return value
    case "undefined":
      return null
    default:
      return boundObject(value)
  }
}

/** `node:sqlite` binds each number as a real, which a column of texts would show as `17.0`. */
const boundNumber = (value: number): Value => {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return BigInt(value)
  if (Number.isNaN(value)) throw unstorable("NaN would be stored as NULL; pass null if that is meant")
  return value
}

const boundObject = (value: unknown): Value => {
  if (value === null) return value
  if (value instanceof Uint8Array) return value
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw unstorable(`a value of type ${typeof value} has no form in SQLite; pass JSON.stringify of it`)
}
