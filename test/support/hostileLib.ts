/**
 * What an attacker who knows the format and can write all files can do to a lib: change the records of a meta and the
 * lines of segments, with valid hashes. The lib must not be open meanwhile.
 */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Merkle from "litetapes/Merkle"
import * as MetaChain from "../../src/domain/meta/MetaChain.ts"
import type { LibRecord, TapeRecord } from "../../src/domain/meta/SystemRecord.ts"

/** A record of a meta, as stored; its fields need not make sense. */
export type Fields = { [field: string]: unknown }

/** Changes the records of a meta file, and recomputes the chain. */
export const rewriteMeta = (file: string, change: (records: Array<Fields>) => Array<Fields>): void => {
  const lines = fs.readFileSync(file, "utf8").trimEnd().split("\n")
  const records = lines.map((line) => {
    const { hash: _, previous: __, ...record } = JSON.parse(line) as Fields
    return record
  })
  const isTape = path.basename(file) === "tape.meta.jsonl"
  const changed: unknown = change(records.filter((record) => record["$type"] !== "LiteTape.End"))
  const written = isTape
    ? MetaChain.writeTape(changed as ReadonlyArray<TapeRecord>)
    : MetaChain.write(null, changed as ReadonlyArray<LibRecord>)
  fs.writeFileSync(file, written.bytes)
}

export const libMetaOf = (lib: string): string => path.join(lib, "litelib.meta.jsonl")
export const tapeMetaOf = (lib: string, tape: string): string => path.join(lib, tape, "tape.meta.jsonl")

/** Changes every record of this type. */
export const changing =
  (type: string, change: (record: Fields, index: number) => Fields) =>
  (records: Array<Fields>): Array<Fields> => {
    let index = 0
    return records.map((record) => (record["$type"] === type ? change(record, index++) : record))
  }

/**
 * Changes the lines of a tape's plain segments, and everything that describes them: sizes, hashes, Merkle states, the
 * chain of its meta. Its indexes are deleted, and so rebuilt.
 */
export const rewriteTape = (
  lib: string,
  tape: string,
  change: (lines: ReadonlyArray<string>, segment: number) => ReadonlyArray<string>
): void => {
  const merkle = new Merkle.Accumulator()
  let firstOrdinal = 0
  const rewrite = (record: Fields, index: number): Fields => {
    const file = path.join(lib, tape, String(record["name"]))
    const lines = change(fs.readFileSync(file, "utf8").trimEnd().split("\n"), index)
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""))
    fs.writeFileSync(file, bytes)
    for (const line of lines) merkle.add(Buffer.from(line))
    const rewritten = {
      ...record,
      bytes: bytes.length,
      firstOrdinal,
      merkle: merkle.state(),
      rawBytes: bytes.length,
      records: lines.length,
      sha256: createHash("sha256").update(bytes).digest("hex")
    }
    firstOrdinal += lines.length
    return rewritten
  }
  rewriteMeta(tapeMetaOf(lib, tape), (records) =>
    // The record of the last repack is not needed, and would contain another root.
    changing("LiteTape.Segment", rewrite)(records.filter((record) => record["$type"] !== "LiteTape.Repack"))
  )
  fs.rmSync(path.join(lib, tape, "index"), { recursive: true, force: true })
}

/** Returns everything under a folder without following links, so that a test can see that nothing changed. */
export const treeOf = (folder: string): ReadonlyMap<string, string> => {
  const tree = new Map<string, string>()
  const walk = (at: string): void => {
    const stats = fs.lstatSync(at)
    const content = stats.isFile()
      ? createHash("sha256").update(fs.readFileSync(at)).digest("hex")
      : stats.isSymbolicLink()
        ? fs.readlinkSync(at)
        : ""
    tree.set(path.relative(folder, at), `${stats.mode.toString(8)} ${stats.isFile() ? stats.size : ""} ${content}`)
    if (stats.isDirectory()) for (const name of fs.readdirSync(at)) walk(path.join(at, name))
  }
  walk(folder)
  return tree
}

/** Copies a lib as it is, without its lock file: opening that would drop the lock. */
export const copyFiles = (from: string, to: string): void => {
  fs.cpSync(from, to, { recursive: true, filter: (source) => path.basename(source) !== "litelib.lock" })
}

/**
 * Changes the text of each line of a meta file, and recomputes the chain: for records that the library would refuse to
 * write. The text has no `hash`, and its old `previous`.
 */
export const rewriteMetaText = (file: string, change: (line: string, index: number) => string): void => {
  const id = (text: string) => createHash("sha256").update(text).digest("hex")
  let previous: string | null = null
  const lines = fs.readFileSync(file, "utf8").trimEnd().split("\n")
  const sealed = lines.map((line, index) => {
    const field = `"hash":"${String((JSON.parse(line) as Fields)["hash"])}",`
    const place = line.indexOf(field)
    const unsealed = change(line.replace(field, ""), index).replace(
      /"previous":(?:null|"sha256:[0-9a-f]{64}")/,
      `"previous":${JSON.stringify(previous)}`
    )
    // At its old offset, unless a key was inserted before it.
    const at = unsealed.startsWith(line.slice(0, place)) ? place : hashPlace(unsealed)
    const text = `${unsealed.slice(0, at)}"hash":"${id(unsealed)}",${unsealed.slice(at)}`
    previous = `sha256:${id(text)}`
    return text
  })
  fs.writeFileSync(file, `${sealed.join("\n")}\n`)
}

/** Returns the offset of the key `hash` among the keys of a canonical object. */
const hashPlace = (text: string): number => {
  const after = Object.keys(JSON.parse(text) as object).find((key) => key > "hash")!
  // No key after it is also a key of an inner object before it.
  return text.indexOf(`"${after}":`)
}

/** Returns the names of a tape's segments, as its meta lists them. */
export const segmentsOf = (lib: string, tape: string): ReadonlyArray<string> =>
  fs
    .readFileSync(tapeMetaOf(lib, tape), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Fields)
    .filter((record) => record["$type"] === "LiteTape.Segment")
    .map((record) => String(record["name"]))
