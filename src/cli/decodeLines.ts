/** Lines of bytes in UTF-8. */
import { Usage } from "./errors.ts"

/**
 * Returns the lines of bytes, without their newlines. A line that is not UTF-8 throws `Usage`; the next call continues
 * after it. All iterators of the result share one place.
 */
export const decodeLines = (chunks: AsyncIterator<Uint8Array>): AsyncIterable<string> => {
  // A byte order mark is left where it is: no command takes it for a blank.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  /** What was read of the line that is not whole yet. */
  let parts: Array<Uint8Array> = []
  let chunk: Uint8Array | undefined
  let number = 0
  const decode = (): string => {
    const line = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    parts = []
    number += 1
    try {
      return decoder.decode(line.at(-1) === 0x0d ? line.subarray(0, -1) : line)
    } catch {
      throw new Usage({ message: `line ${number} of standard input is not UTF-8.` })
    }
  }
  const next = async (): Promise<IteratorResult<string>> => {
    for (;;) {
      if (chunk === undefined) {
        const read = await chunks.next()
        if (read.done !== true) chunk = read.value
        else if (parts.length > 0) return { done: false, value: decode() }
        else return { done: true, value: undefined }
      }
      const rest: Uint8Array = chunk
      const end = rest.indexOf(0x0a)
      if (end < 0) {
        if (rest.length > 0) parts.push(rest)
        chunk = undefined
      } else {
        parts.push(rest.subarray(0, end))
        chunk = rest.subarray(end + 1)
        return { done: false, value: decode() }
      }
    }
  }
  return { [Symbol.asyncIterator]: () => ({ next }) }
}
