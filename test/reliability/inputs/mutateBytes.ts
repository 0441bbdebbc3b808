/** Changes that do not update checksums: a hash or a count must reveal them. */
import type { Random } from "../random.ts"
import { bytesOf, type Draft, pathsOf } from "./reseal.ts"

/** Changes the draft and returns a description, or `undefined` if it has nothing to change. */
export type Mutate = (random: Random, draft: Draft, others: ReadonlyArray<Draft>) => string | undefined

const anyFile = (random: Random, draft: Draft): string => random.pick(pathsOf(draft, /./))

type Edit = (random: Random, bytes: Buffer) => readonly [edited: Uint8Array, said: string]

const edit =
  (change: Edit): Mutate =>
  (random, draft) => {
    const file = anyFile(random, draft)
    const bytes = Buffer.from(bytesOf(draft, file))
    if (bytes.length === 0) return undefined
    const [edited, said] = change(random, bytes)
    draft.set(file, Uint8Array.from(edited))
    return `${file}: ${said}`
  }

const rangeOf = (random: Random, bytes: Uint8Array): readonly [number, number] => {
  const start = random.below(bytes.length)
  const most = random.next() < 0.5 ? 8 : bytes.length - start
  return [start, Math.min(bytes.length, start + 1 + random.below(most))]
}

const bit: Edit = (random, bytes) => {
  const at = random.below(bytes.length)
  const flipped = random.below(8)
  bytes[at]! ^= 1 << flipped
  return [bytes, `bit ${flipped} of byte ${at} flipped`]
}

const nasty = [
  0x00, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x30, 0x39, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xed, 0xff
]

const byte: Edit = (random, bytes) => {
  const at = random.below(bytes.length)
  bytes[at] = random.pick(nasty)
  return [bytes, `byte ${at} is ${bytes[at]}`]
}

const range: Edit = (random, bytes) => {
  const [start, end] = rangeOf(random, bytes)
  const zeroed = random.next() < 0.4
  for (let at = start; at < end; at++) bytes[at] = zeroed ? 0 : random.below(256)
  return [bytes, `bytes ${start} to ${end} ${zeroed ? "zeroed" : "overwritten"}`]
}

const remove: Edit = (random, bytes) => {
  const [start, end] = rangeOf(random, bytes)
  return [Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]), `bytes ${start} to ${end} removed`]
}

const insert: Edit = (random, bytes) => {
  const at = random.below(bytes.length + 1)
  const count = 1 + random.below(random.next() < 0.9 ? 16 : 5000)
  const one = random.pick(nasty)
  const same = random.next() < 0.5
  const added = Buffer.from(Array.from({ length: count }, () => (same ? one : random.below(256))))
  return [Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]), `${count} bytes inserted at ${at}`]
}

const duplicate: Edit = (random, bytes) => {
  const [start, end] = rangeOf(random, bytes)
  const times = 1 + random.below(3)
  const copies = Array.from({ length: times }, () => bytes.subarray(start, end))
  return [
    Buffer.concat([bytes.subarray(0, end), ...copies, bytes.subarray(end)]),
    `bytes ${start} to ${end} repeated ${times} times`
  ]
}

const truncate: Edit = (random, bytes) => {
  const length = random.below(bytes.length)
  return [bytes.subarray(0, length), `cut to ${length} bytes`]
}

/** Inserts a piece of another file of this lib or of another one. */
const splice: Mutate = (random, draft, others) => {
  const file = anyFile(random, draft)
  const from = random.next() < 0.5 ? draft : random.pick(others)
  const other = anyFile(random, from)
  const bytes = Buffer.from(bytesOf(draft, file))
  const piece = bytesOf(from, other)
  if (bytes.length === 0 || piece.length === 0) return undefined
  const [start, end] = rangeOf(random, piece)
  const at = random.below(bytes.length)
  const over = random.next() < 0.5 ? end - start : 0
  const spliced = Buffer.concat([bytes.subarray(0, at), piece.subarray(start, end), bytes.subarray(at + over)])
  draft.set(file, Uint8Array.from(spliced))
  return `${file}: bytes ${start} to ${end} of ${other} at ${at}`
}

const strayNames = [
  "seg-000001.jsonl",
  "seg-000099.jsonl",
  "seg-000099.jsonl.gz",
  "seg-000099.jsonl.zst",
  "seg-000099.jsonl.lz4",
  "seg-9007199254740991.jsonl",
  "seg-9999999999999999999.jsonl",
  "shard-0001/seg-000007.jsonl",
  "shard-0000/seg-000001.jsonl",
  "shard-9999999999999999999/seg-000001.jsonl",
  "tape.meta.jsonl.tmp",
  "index/seg-000001.jsonl.idx",
  "unknown.bin"
]

const strayInLib = [
  "litelib.dynamic-000009.jsonl",
  "litelib.dynamic-9007199254740991.jsonl",
  "litelib.dynamic-000000.jsonl",
  "litelib.meta.jsonl.tmp",
  "litelib.acked",
  "README.txt",
  "copy/tape.meta.jsonl",
  "UPPER/tape.meta.jsonl",
  "con/tape.meta.jsonl",
  "alpha.aside-1/tape.meta.jsonl"
]

/**
 * Changes whole files: removes, swaps or replaces them, copies them to unexpected names, or makes them folders or
 * links.
 */
const file: Mutate = (random, draft, others) => {
  const path = anyFile(random, draft)
  switch (random.below(6)) {
    case 0:
      draft.delete(path)
      return `${path} removed`
    case 1: {
      const other = anyFile(random, draft)
      const bytes = bytesOf(draft, path)
      draft.set(path, bytesOf(draft, other))
      draft.set(other, bytes)
      return `${path} and ${other} swapped`
    }
    case 2: {
      const from = random.pick(others)
      const other = anyFile(random, from)
      draft.set(path, bytesOf(from, other))
      return `${path} is ${other} of another lib`
    }
    case 3: {
      const node = random.pick(["folder", "other"] as const)
      draft.set(path, node)
      return `${path} is ${node === "folder" ? "a folder" : "a link"}`
    }
    default: {
      const folders = [
        ...new Set([...draft.keys()].filter((name) => name.includes("/")).map((name) => name.split("/")[0]!))
      ]
      const to =
        folders.length === 0 || random.next() < 0.4
          ? random.pick(strayInLib)
          : `${random.pick(folders)}/${random.pick(strayNames)}`
      if ([...draft.keys()].some((known) => known === to || to.startsWith(`${known}/`))) return undefined
      draft.set(to, random.next() < 0.1 ? random.pick(["folder", "other"] as const) : bytesOf(draft, path))
      return `${path} copied to ${to}`
    }
  }
}

export const byteMutations: Record<string, Mutate> = {
  bit: edit(bit),
  byte: edit(byte),
  range: edit(range),
  remove: edit(remove),
  insert: edit(insert),
  duplicate: edit(duplicate),
  truncate: edit(truncate)
}

export const fileMutations: Record<string, Mutate> = { splice, file }
