/** Recomputes hashes, chains and checksums, so that a changed lib looks as if a writer had written it. */
import { createHash } from "node:crypto"
import { gunzipSync, zstdDecompressSync } from "node:zlib"
import { markPrefix } from "../../../src/domain/journal/Batch.ts"
import * as Merkle from "../../../src/domain/merkle/Merkle.ts"
import { decodeSame } from "../../../src/domain/segment/SameLine.ts"
import type { Node } from "./memoryDisk.ts"
import { type Fields, isFields, print } from "./values.ts"
import { withoutRoom } from "../../support/copyLib.ts"

/** The files of one hostile lib. The map is changed in place; byte arrays are replaced, never modified. */
export type Draft = Map<string, Node>

export const libMeta = "litelib.meta.jsonl"
export const hintFile = "litelib.acked"

export const bytesOf = (draft: Draft, file: string): Uint8Array => {
  const node = draft.get(file)
  return node instanceof Uint8Array ? node : new Uint8Array(0)
}

const hex = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex")

export const pathsOf = (draft: Draft, pattern: RegExp): Array<string> =>
  [...draft].flatMap(([path, node]) => (node instanceof Uint8Array && pattern.test(path) ? [path] : []))

export const metasOf = (draft: Draft): Array<string> => pathsOf(draft, /^litelib\.meta\.jsonl$|\/tape\.meta\.jsonl$/)
export const segmentsOf = (draft: Draft): Array<string> => pathsOf(draft, /\/seg-\d+\.jsonl(\.gz|\.zst)?$/)
export const dynamicsOf = (draft: Draft): Array<string> => pathsOf(draft, /^litelib\.dynamic-/)
export const indexesOf = (draft: Draft): Array<string> => pathsOf(draft, /\.idx$/)

/** Splits bytes into lines without their newlines; a last line without a newline counts. */
export const splitLines = (bytes: Uint8Array): Array<Buffer> => {
  const lines: Array<Buffer> = []
  // The room of a dynamic segment is not a line.
  const content = withoutRoom(bytes)
  const buffer = Buffer.from(content.buffer, content.byteOffset, content.length)
  for (let start = 0; start < buffer.length;) {
    const end = buffer.indexOf(0x0a, start)
    lines.push(buffer.subarray(start, end === -1 ? buffer.length : end))
    start = end === -1 ? buffer.length : end + 1
  }
  return lines
}

export const joinLines = (lines: ReadonlyArray<Uint8Array>): Uint8Array =>
  Uint8Array.from(Buffer.concat(lines.flatMap((line) => [line, Buffer.of(0x0a)])))

/** Returns the records of a meta; lines that do not parse are left out. */
export const readMeta = (bytes: Uint8Array): Array<Fields> =>
  splitLines(bytes).flatMap((line) => {
    const value = parse(line)
    return value === undefined ? [] : [value]
  })

const parse = (line: Uint8Array): Fields | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(line).toString())
    return isFields(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Seals these records as a chain. Those in `keep` keep their `previous`. */
export const sealMeta = (records: ReadonlyArray<Fields>, keep: ReadonlySet<Fields> = new Set()): Uint8Array => {
  const lines: Array<string> = []
  let previous: string | null = null
  for (const record of records) {
    if (!keep.has(record)) record["previous"] = previous
    delete record["hash"]
    record["hash"] = hex(print(record))
    const line = print(record)
    previous = `sha256:${hex(line)}`
    lines.push(line, "\n")
  }
  return Uint8Array.from(Buffer.from(lines.join("")))
}

export const folderOf = (path: string): string => path.slice(0, path.indexOf("/"))

/** Returns the raw lines of a segment file, or `undefined` if it cannot be decompressed. */
export const rawOf = (path: string, bytes: Uint8Array): Uint8Array | undefined => {
  const maxOutputLength = 8 * 1024 * 1024
  try {
    if (path.endsWith(".gz")) return gunzipSync(bytes, { maxOutputLength })
    if (path.endsWith(".zst")) return zstdDecompressSync(bytes, { maxOutputLength })
    return bytes
  } catch {
    return undefined
  }
}

/** Updates the meta of a tape to its present files, as far as they can be read, so that every hash matches. */
export const resealTape = (draft: Draft, tape: string): void => {
  const file = `${tape}/tape.meta.jsonl`
  const records = readMeta(bytesOf(draft, file))
  let merkle = new Merkle.Accumulator()
  for (const record of records) {
    if (record["$type"] !== "LiteTape.Segment") continue
    const path = `${tape}/${String(record["name"])}`
    const bytes = bytesOf(draft, path)
    record["sha256"] = hex(bytes)
    record["bytes"] = bytes.length
    const raw = rawOf(path, bytes)
    if (raw === undefined) {
      // The contents cannot be read: assume that they are unchanged.
      if (Merkle.isState(record["merkle"])) merkle = new Merkle.Accumulator(record["merkle"])
      continue
    }
    const lines = splitLines(raw)
    record["rawBytes"] = raw.length
    record["records"] = lines.length
    record["firstOrdinal"] = merkle.size
    let same = 0
    for (const line of lines) {
      const target = decodeSame(line)
      if (target !== undefined) same++
      merkle.add(lines[target ?? -1] ?? line)
    }
    if (same > 0) record["same"] = same
    else delete record["same"]
    record["merkle"] = merkle.state()
  }
  for (const record of records) {
    if (record["$type"] !== "LiteTape.Repack") continue
    const states = records.map((other) => other["merkle"]).filter(Merkle.isState)
    const last = states.find(({ size }) => size === record["records"])
    if (last !== undefined) record["root"] = Merkle.root(last)
  }
  draft.set(file, sealMeta(records))
}

/** Seals the batches of all dynamic segments again, as one chain, and lib meta, which names their hashes. */
export const resealDynamics = (draft: Draft): void => {
  const renamed = new Map<unknown, string>()
  for (const path of dynamicsOf(draft).toSorted()) {
    const lines = splitLines(bytesOf(draft, path))
    let batch: Array<Uint8Array> = []
    for (const [at, line] of lines.entries()) {
      if (at === 0) continue
      const mark = line.includes(markPrefix.slice(0, -1)) ? parse(line) : undefined
      if (mark === undefined) {
        batch.push(line)
        continue
      }
      const before = mark["hash"]
      delete mark["hash"]
      mark["previous"] = renamed.get(mark["previous"]) ?? mark["previous"]
      mark["hash"] = hex(Buffer.concat([joinLines(batch), Buffer.from(print(mark))]))
      renamed.set(before, mark["hash"] as string)
      lines[at] = Buffer.from(print(mark))
      batch = []
    }
    draft.set(path, joinLines(lines))
  }
  const records = readMeta(bytesOf(draft, libMeta))
  for (const record of records) {
    const anchor = record["anchor"]
    if (isFields(anchor)) anchor["hash"] = renamed.get(anchor["hash"]) ?? anchor["hash"]
  }
  draft.set(libMeta, sealMeta(records))
}
