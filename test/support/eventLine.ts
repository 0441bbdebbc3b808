import type { EncodedEvent } from "../../src/domain/event/Event.ts"

/** Returns the line of an encoded event, without its newline, and checks that the bytes around it stay unchanged. */
export const lineOf = (event: EncodedEvent, position: number, revision: number): string => {
  const before = 3
  const memory = Buffer.alloc(before + event.bytesMax + 1, 0xff)
  const end = event.writeTo(memory, before, position, revision)
  const isUntouched = memory.every((byte, at) => (at >= before && at < end) || byte === 0xff)
  if (!isUntouched) throw new Error("an event writes its line and nothing else")
  if (memory[end - 1] !== 0x0a) throw new Error("a line ends with a newline")
  return memory.toString("utf8", before, end - 1)
}
