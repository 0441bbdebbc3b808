/**
 * The hint for readers in other processes: the batch that was last acknowledged, and in which run of the operating
 * system. One checksummed line of fixed length, overwritten in place and never synced; not part of the format.
 */
import { hash } from "node:crypto"

export interface Hint {
  /** The run of the operating system in which the hint was written. */
  readonly boot: string
  readonly batch: number
}

const checksum = (text: string) => hash("sha256", text, "hex").slice(0, 16)

export const encode = (hint: Hint): Uint8Array => {
  const text = `${String(hint.batch).padStart(16, "0")} ${hint.boot}`
  return Buffer.from(`${text} ${checksum(text)}\n`, "latin1")
}

/** Returns the hint, or `undefined` if the bytes are torn, damaged or something else. */
export const decode = (bytes: Uint8Array | undefined): Hint | undefined => {
  if (bytes === undefined || bytes.length > 256) return undefined
  const match = /^(\d{16}) (\S+) ([0-9a-f]{16})\n$/.exec(Buffer.from(bytes).toString("latin1"))
  if (match === null || checksum(`${match[1]} ${match[2]}`) !== match[3]) return undefined
  return { boot: match[2]!, batch: Number(match[1]) }
}
