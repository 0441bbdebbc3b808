/** Reads JSON that a person or a program gives. What a record could not keep is refused: a key that is there twice, a number that would be rounded. */
import * as TaraSON from "../domain/json/TaraSON.ts"

/** Larger than that of any lib: the lib checks its own limits. */
const limits = { recordBytesMax: 257 * 1024 * 1024, depthMax: 1001, batchBytesMax: 1, metaBytesMax: 1 }

/**
 * Returns the value of a JSON text.
 *
 * @throws TaraSONError
 */
export const readJson = (text: string): TaraSON.Json => {
  const record = TaraSON.parse(TaraSON.toBytes(`{"value":${text.trim()}}`), limits)
  // A text such as `1,"other":2` would be more than one value.
  if (Object.keys(record).length !== 1) throw new SyntaxError("it is more than one value")
  return record["value"]!
}

/** Returns why a text cannot be read. Positions would be those of a text that nobody wrote. */
export const whyNotJson = (error: unknown): string =>
  error instanceof Error
    ? error.message
        .replace(/ at \/value(?=[/:])/, " at ")
        .replace(" at :", ":")
        .replace(/ at position \d+/, "")
    : String(error)
