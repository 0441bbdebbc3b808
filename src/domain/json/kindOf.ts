import { types } from "node:util"

/** Says what kind of object a value that JSON has no form for is, without running code of its class. */
export const kindOf = (value: object): string => {
  if (types.isDate(value)) return "a Date"
  if (types.isMap(value)) return "a Map"
  if (types.isSet(value)) return "a Set"
  if (types.isRegExp(value)) return "a RegExp"
  if (types.isPromise(value)) return "a Promise"
  if (types.isNativeError(value)) return "an Error"
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return "binary data"
  if (types.isBoxedPrimitive(value)) return "a boxed primitive"
  return "an object that is not plain"
}

const plainOnly = "only null, booleans, finite numbers, strings, arrays and plain objects can be stored"

/** Says what to do about a value that JSON has no form for, by what was found. */
export const adviceOn = (found: string): string => {
  switch (found) {
    case "undefined":
      return "leave it out, or store null"
    case "bigint":
      return "store it as a string, or give its event type a Schema"
    case "a Date":
    case "a Map":
    case "a Set":
    case "a RegExp":
    case "binary data":
    case "an object that is not plain":
      return `give its event type a Schema, or store a plain form of it: ${plainOnly}`
    default:
      return plainOnly
  }
}
