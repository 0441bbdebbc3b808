/** Changes whose hashes, chains and checksums are made to fit again: what only a look at the meaning can find. */
import { deflateRawSync, constants, crc32, zstdCompressSync } from "node:zlib"
import { wrapGzip } from "../../../src/domain/Frames.ts"
import * as Hint from "../../../src/domain/Hint.ts"
import { sealPage, pageBytes } from "../../../src/domain/internal/indexLayout.ts"
import type { Random } from "../random.ts"
import { bootId } from "./memoryDisk.ts"
import type { Mutate } from "./mutateBytes.ts"
import * as Reseal from "./reseal.ts"
import { anyValue, changeOne, type Fields, print } from "./values.ts"

const sealFields = new Set(["hash", "previous"])

/** One value in one record of a meta, or two. */
const metaField: Mutate = (random, draft) => {
  const file = random.pick(Reseal.metasOf(draft))
  if (file === undefined) return undefined
  const records = Reseal.readMeta(Reseal.bytesOf(draft, file))
  if (records.length === 0) return undefined
  const said: Array<string> = []
  for (let changes = random.next() < 0.8 ? 1 : 2; changes > 0; changes--) {
    const line = random.below(records.length)
    const skip = random.next() < 0.97 ? sealFields : new Set<string>()
    said.push(`line ${line + 1}: ${crossed(random, records, line) ?? changeOne(random, records[line]!, skip)}`)
  }
  draft.set(file, Reseal.sealMeta(records))
  return `${file} ${said.join("; ")}`
}

/** The value that another record of the same meta has under the same key. */
const crossed = (random: Random, records: ReadonlyArray<Fields>, line: number): string | undefined => {
  if (random.next() > 0.2) return undefined
  const record = records[line]!
  const other = random.pick(records)
  const keys = Object.keys(record).filter((key) => key in other && !sealFields.has(key) && record[key] !== other[key])
  const key = random.pick(keys)
  if (key === undefined) return undefined
  record[key] = other[key]
  return `${key} is that of another line`
}

const copyOf = (record: Fields): Fields => JSON.parse(JSON.stringify(record)) as Fields

/** Whole records of a meta: gone, twice, elsewhere, from another meta, or following what others follow too. */
const metaLines: Mutate = (random, draft, others) => {
  const file = random.pick(Reseal.metasOf(draft))
  if (file === undefined) return undefined
  const records = Reseal.readMeta(Reseal.bytesOf(draft, file))
  if (records.length === 0) return undefined
  const at = random.below(records.length)
  const to = random.below(records.length + 1)
  const keep = new Set<Fields>()
  let said: string
  switch (random.below(6)) {
    case 0:
      records.splice(at, 1)
      said = `line ${at + 1} removed`
      break
    case 1:
      records.splice(to, 0, copyOf(records[at]!))
      said = `line ${at + 1} again as line ${to + 1}`
      break
    case 2:
      records.splice(Math.min(to, records.length - 1), 0, ...records.splice(at, 1))
      said = `line ${at + 1} moved to ${to + 1}`
      break
    case 3: {
      const from = random.next() < 0.5 ? draft : random.pick(others)
      const source = random.pick(Reseal.metasOf(from))
      const foreign = Reseal.readMeta(Reseal.bytesOf(from, source))
      if (foreign.length === 0) return undefined
      const taken = random.pick(foreign)
      records.splice(to, 0, copyOf(taken))
      said = `${String(taken["$type"])} of ${source} as line ${to + 1}`
      break
    }
    case 4: {
      // Sealed by itself, and named as successor by nobody: a second writer's word, or a ring.
      const fork = copyOf(records[at]!)
      changeOne(random, fork, sealFields)
      if (random.next() < 0.3) fork["previous"] = random.pick(records)["previous"]
      keep.add(fork)
      records.splice(to, 0, fork)
      said = `a fork of line ${at + 1} as line ${to + 1}`
      break
    }
    default: {
      const times = 2 + random.below(random.next() < 0.9 ? 5 : 300)
      for (let n = 0; n < times; n++) records.push(copyOf(records[at]!))
      said = `line ${at + 1} ${times} times more`
    }
  }
  draft.set(file, Reseal.sealMeta(records, keep))
  return `${file} ${said}`
}

/** Lines that nobody would write, in the place of one that somebody did. */
const hostileLine = (random: Random, line: Uint8Array): Uint8Array => {
  const text = Buffer.from(line).toString()
  switch (random.below(11)) {
    case 0:
      return Buffer.from(
        `{"$type":"LiteTape.Same","line":${random.pick(["0", "1", "-1", "1e3", "4294967296", "007", "0.5"])}}`
      )
    case 1:
      return Buffer.from(
        `{"$type":"${random.pick(["LiteTape.Foo", "LiteLib.Commit", "LiteTape.Same", "LiteLib.Header"])}"}`
      )
    case 2:
      return Buffer.from("[".repeat(random.pick([1, 200, 6000])))
    case 3:
      return Buffer.from(`{"a":${"[".repeat(200)}${"]".repeat(200)}}`)
    case 4:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), line])
    case 5:
      return Buffer.concat([
        line.subarray(0, line.length >> 1),
        Buffer.from([0xff, 0xfe]),
        line.subarray(line.length >> 1)
      ])
    case 6:
      return Buffer.from(text.replace("{", '{ "a":1,"a":2,'))
    case 7:
      return Buffer.from(print(anyValue(random)))
    case 8:
      return Buffer.from(`{"__proto__":{"a":1},"x":"${"y".repeat(random.pick([1, 70_000]))}"}`)
    case 9:
      return new Uint8Array(0)
    default:
      return Buffer.from(JSON.stringify(text))
  }
}

/** A field of a record, or the whole line, of lines that hold records. Says what it did. */
const changeLine = (random: Random, lines: Array<Uint8Array>, at: number): string => {
  const line = lines[at]!
  if (random.next() < 0.6) {
    const [record] = Reseal.readMeta(line)
    if (record !== undefined) {
      const said = changeOne(random, record)
      lines[at] = Buffer.from(print(record))
      return said
    }
  }
  lines[at] = hostileLine(random, line)
  return `is ${Buffer.from(lines[at]).toString("latin1").slice(0, 50)}`
}

/** Lines of a segment, compressed or not; its meta then says what the file is. */
const segment: Mutate = (random, draft) => {
  const file = random.pick(Reseal.segmentsOf(draft))
  if (file === undefined) return undefined
  const raw = Reseal.rawOf(file, Reseal.bytesOf(draft, file))
  if (raw === undefined || raw.length === 0) return undefined
  const lines: Array<Uint8Array> = Reseal.splitLines(raw)
  const at = random.below(lines.length)
  let said: string
  switch (random.below(5)) {
    case 0:
      lines.splice(at, 1)
      said = "removed"
      break
    case 1:
      lines.splice(random.below(lines.length), 0, lines[at]!)
      said = "repeated"
      break
    case 2:
      lines.splice(random.below(lines.length), 0, ...lines.splice(at, 1))
      said = "moved"
      break
    default:
      said = changeLine(random, lines, at)
  }
  const joined = Reseal.joinLines(lines)
  const ended = random.next() < 0.95 ? joined : joined.subarray(0, -1)
  draft.set(file, compressAs(file, ended))
  Reseal.resealTape(draft, Reseal.folderOf(file))
  return `${file} line ${at + 1} ${said}${ended === joined ? "" : ", and no newline at the end"}`
}

const compressAs = (file: string, raw: Uint8Array): Uint8Array => {
  if (file.endsWith(".gz")) return wrapGzip(deflateRawSync(raw), raw.length, crc32(raw))
  if (file.endsWith(".zst")) return zstdFrame(raw)
  return raw
}

const zstdFrame = (raw: Uint8Array): Uint8Array =>
  zstdCompressSync(raw, { pledgedSrcSize: raw.length, params: { [constants.ZSTD_c_checksumFlag]: 1 } })

/** Batches of dynamic segments: their records, or what their marks and headers say of them. */
const dynamic: Mutate = (random, draft) => {
  const file = random.pick(Reseal.dynamicsOf(draft))
  if (file === undefined) return undefined
  const lines: Array<Uint8Array> = Reseal.splitLines(Reseal.bytesOf(draft, file))
  if (lines.length === 0) return undefined
  const marks = lines.flatMap((line, at) => (at === 0 || Buffer.from(line).includes('"LiteLib.Commit"') ? [at] : []))
  const at = random.next() < 0.5 ? random.pick(marks) : random.below(lines.length)
  let said: string
  if (random.next() < 0.15) {
    lines.splice(at, 1)
    said = "removed"
  } else if (random.next() < 0.1) {
    lines.splice(at, 0, lines[at]!)
    said = "repeated"
  } else said = changeLine(random, lines, at)
  draft.set(file, Reseal.joinLines(lines))
  Reseal.resealDynamics(draft)
  return `${file} line ${at + 1} ${said}`
}

const bombs = new Map<string, Uint8Array>()

/** A small frame that holds a lot, and says so or not. */
const bombOf = (codec: "gzip" | "zstd", mebibytes: number): Uint8Array => {
  const key = `${codec}${mebibytes}`
  const known = bombs.get(key)
  if (known !== undefined) return known
  const raw = Buffer.alloc(mebibytes * 1024 * 1024 + 64, `{"zeros":"${"0".repeat(1000)}"}\n`)
  const bomb = codec === "zstd" ? zstdFrame(raw) : wrapGzip(deflateRawSync(raw), raw.length, crc32(raw))
  bombs.set(key, bomb)
  return bomb
}

/** Frames of a compressed segment: what their headers say, and what they hold. */
const frame: Mutate = (random, draft) => {
  const file = random.pick(Reseal.segmentsOf(draft).filter((path) => /\.(gz|zst)$/.test(path)))
  if (file === undefined) return undefined
  const codec = file.endsWith(".gz") ? "gzip" : "zstd"
  let bytes = Buffer.from(Reseal.bytesOf(draft, file))
  let said: string
  switch (random.below(5)) {
    case 0: {
      const mebibytes = random.pick([1, 8, 40])
      bytes = Buffer.from(bombOf(codec, mebibytes))
      said = `a bomb of ${mebibytes} MiB`
      if (random.next() < 0.5) {
        // It says that it holds less.
        if (codec === "gzip") bytes.writeUInt32LE(random.pick([1, 100, 1024 * 1024]), bytes.length - 4)
        else bytes.writeUInt8(random.below(256), 6)
        said += " that lies about it"
      }
      break
    }
    case 1: {
      const at = codec === "gzip" ? random.pick([16, bytes.length - 4, bytes.length - 8]) : random.pick([4, 5, 6, 9])
      const value = random.pick([0, 1, 255, 65_535, 1 << 20, 2 ** 31, 2 ** 32 - 1])
      bytes.writeUInt32LE(value, Math.max(0, Math.min(at, bytes.length - 4)))
      said = `u32 at ${at} = ${value}`
      break
    }
    case 2: {
      const added = random.pick([
        Buffer.from("502a4d18ffffff7f", "hex"),
        Buffer.from("28b52ffd", "hex"),
        Buffer.from("28b52ffde4ffffffffffffffff", "hex"),
        Buffer.from("1f8b0804", "hex"),
        Buffer.alloc(1000)
      ])
      bytes = Buffer.concat(random.next() < 0.5 ? [bytes, added] : [added, bytes])
      said = "bytes of no frame"
      break
    }
    case 3:
      bytes = Buffer.concat([bytes, bytes])
      said = "every frame twice"
      break
    default: {
      const at = random.below(bytes.length)
      bytes[at] = random.below(256)
      said = `byte ${at} changed`
    }
  }
  draft.set(file, Uint8Array.from(bytes))
  const before = Reseal.bytesOf(draft, `${Reseal.folderOf(file)}/tape.meta.jsonl`)
  Reseal.resealTape(draft, Reseal.folderOf(file))
  if (random.next() < 0.2) draft.set(`${Reseal.folderOf(file)}/tape.meta.jsonl`, before)
  return `${file} ${said}`
}

/** Numbers in an index, with checksums of its pages that fit. */
const index: Mutate = (random, draft) => {
  const file = random.pick(Reseal.indexesOf(draft))
  if (file === undefined) return undefined
  const bytes = Buffer.from(Reseal.bytesOf(draft, file))
  const pages = Math.floor(bytes.length / pageBytes)
  if (pages === 0) return undefined
  const sha256 = bytes.toString("hex", 16, 48)
  const said: Array<string> = []
  for (let changes = 1 + random.below(2); changes > 0; changes--) {
    const page = random.next() < 0.4 ? 0 : random.below(pages)
    const start = page * pageBytes
    const used = page === 0 ? 112 : 120
    const at = 4 * random.below(used / 4)
    const value = random.pick([0, 1, 2, 3, 100, 4096, 65_536, 1 << 20, 2 ** 31, 2 ** 32 - 1])
    const near = (bytes.readUInt32LE(start + at) + random.pick([1, 2 ** 32 - 1, 7])) % 2 ** 32
    bytes.writeUInt32LE(random.next() < 0.5 ? value : near, start + at)
    said.push(`page ${page} u32 at ${at} = ${bytes.readUInt32LE(start + at)}`)
    sealPage(sha256, page, bytes.subarray(start, start + pageBytes))
  }
  const cut = random.next() < 0.1 ? bytes.subarray(0, bytes.length - random.below(pageBytes)) : bytes
  draft.set(file, Uint8Array.from(cut))
  return `${file} ${said.join("; ")}`
}

/** A hint that is good by itself. */
const hint: Mutate = (random, draft) => {
  const batch = random.pick([0, 1, 3, 7, 1000, 2 ** 53 - 1])
  const boot = random.pick([bootId, bootId, "other-run", "x".repeat(150)])
  draft.set(Reseal.hintFile, Uint8Array.from(Hint.encode({ boot, batch })))
  return `the hint says batch ${batch} of ${boot.slice(0, 20)}`
}

export const sealedMutations: Record<string, Mutate> = { metaField, metaLines, segment, dynamic, frame, index, hint }
