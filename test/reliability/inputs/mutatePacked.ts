/** Frames, indexes and hints with false contents and valid checksums. */
import * as Hint from "../../../src/domain/journal/Hint.ts"
import { checksumPage } from "../../../src/domain/segment/indexLayout.ts"
import { pageBytes } from "../../../src/domain/segment/indexSections.ts"
import { gzipFrame, zstdFrame } from "./frame.ts"
import { bootId } from "./memoryDisk.ts"
import type { Mutate } from "./mutateBytes.ts"
import * as Reseal from "./reseal.ts"

const bombs = new Map<string, Uint8Array>()

/** Returns a small frame that decompresses to many bytes. */
const bombOf = (codec: "gzip" | "zstd", mebibytes: number): Uint8Array => {
  const key = `${codec}${mebibytes}`
  const known = bombs.get(key)
  if (known !== undefined) return known
  const raw = Buffer.alloc(mebibytes * 1024 * 1024 + 64, `{"zeros":"${"0".repeat(1000)}"}\n`)
  const bomb = codec === "zstd" ? zstdFrame(raw) : gzipFrame(raw)
  bombs.set(key, bomb)
  return bomb
}

/** Changes the frames of a compressed segment: their headers or their contents. */
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
        // The header states a smaller size.
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
      said = "bytes that are not a frame"
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

/** Changes numbers in an index and updates the checksums of its pages. */
const index: Mutate = (random, draft) => {
  const file = random.pick(Reseal.indexesOf(draft))
  if (file === undefined) return undefined
  const bytes = Buffer.from(Reseal.bytesOf(draft, file))
  const pages = Math.ceil(bytes.length / pageBytes)
  if (bytes.length < 84) return undefined
  const sha256 = bytes.toString("hex", 16, 48)
  const said: Array<string> = []
  for (let changes = 1 + random.below(2); changes > 0; changes--) {
    const page = random.next() < 0.4 ? 0 : random.below(pages)
    const start = page * pageBytes
    // The header with its table of sections, and the first rows.
    const used = Math.min(page === 0 ? 400 : 120, bytes.length - start - 4)
    const at = 4 * random.below(Math.max(1, Math.floor(used / 4)))
    const value = random.pick([0, 1, 2, 3, 100, 4096, 65_536, 1 << 20, 2 ** 31, 2 ** 32 - 1])
    const near = (bytes.readUInt32LE(start + at) + random.pick([1, 2 ** 32 - 1, 7])) % 2 ** 32
    bytes.writeUInt32LE(random.next() < 0.5 ? value : near, start + at)
    said.push(`page ${page} u32 at ${at} = ${bytes.readUInt32LE(start + at)}`)
    checksumPage(sha256, page, bytes.subarray(start, start + pageBytes))
  }
  const cut = random.next() < 0.1 ? bytes.subarray(0, bytes.length - random.below(pageBytes)) : bytes
  draft.set(file, Uint8Array.from(cut))
  return `${file} ${said.join("; ")}`
}

/** Writes a well-formed hint with other contents. */
const hint: Mutate = (random, draft) => {
  const batch = random.pick([0, 1, 3, 7, 1000, 2 ** 53 - 1])
  const boot = random.pick([bootId, bootId, "other-run", "x".repeat(150)])
  draft.set(Reseal.hintFile, Uint8Array.from(Hint.encode({ boot, batch })))
  return `the hint names batch ${batch} of boot ${boot.slice(0, 20)}`
}

export const packedMutations: Record<string, Mutate> = { frame, index, hint }
