/** The ids of a command's events as the GUIDE describes them, worked out by other means than the library's. */
import { createHash } from "node:crypto"

export const idOfCommand = (stream: string, commandId: string, index: number): string => {
  const hex = createHash("sha256").update([index, stream, commandId].join("\n")).digest("hex")
  const variant = "89ab"[Number.parseInt(hex[16]!, 16) % 4]!
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32)
  ].join("-")
}
