/**
 * The hint for readers in other processes: the batch that was last acknowledged, and in which run of the operating
 * system. One checksummed line, whose length changes once at most, when a lib gets its first checkpoint, overwritten in place and never synced; not part of the format.
 */
import { hash } from "node:crypto"

export interface Hint {
  /** The run of the operating system in which the hint was written. */
  readonly boot: string
  readonly batch: number
  /**
   * In a lib that has checkpoints: the last batch with records, or 0 if all records are in segments. A later batch has
   * checkpoints alone, so no tape knows of it, and none has lost anything if it is gone.
   */
  readonly records?: number
}

const checksum = (text: string) => hash("sha256", text, "hex").slice(0, 16)

const digits = (batch: number): string => String(batch).padStart(16, "0")

export const encode = (hint: Hint): Uint8Array => {
  const records = hint.records === undefined ? "" : ` ${digits(hint.records)}`
  const text = `${digits(hint.batch)} ${hint.boot}${records}`
  return Buffer.from(`${text} ${checksum(text)}\n`, "latin1")
}

/** Returns the hint, or `undefined` if the bytes are torn, damaged or something else. */
export const decode = (bytes: Uint8Array | undefined): Hint | undefined => {
  if (bytes === undefined || bytes.length > 256) return undefined
  const match = /^((\d{16}) (\S+)(?: (\d{16}))?) ([0-9a-f]{16})\n$/.exec(Buffer.from(bytes).toString("latin1"))
  if (match === null || checksum(match[1]!) !== match[5]) return undefined
  const [, , batch, boot, records] = match
  return { boot: boot!, batch: Number(batch), ...(records === undefined ? {} : { records: Number(records) }) }
}
