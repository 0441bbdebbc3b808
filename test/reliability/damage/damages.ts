/** Ways to damage files: flipped bits, lost ends, zeroed sectors, files and lines in the wrong place. */
import type { Image } from "../../support/imageDisk.ts"
import { within } from "./place.ts"

type Kind = "flip" | "cut" | "zeros" | "drop" | "swap" | "copy" | "lines" | "garbage" | "several"

/** One way to damage an image. `text` describes it, for a person and for `LITETAPES_DAMAGE`. */
export interface Damage {
  readonly kind: Kind
  /** The damaged file. */
  readonly path: string
  readonly text: string
  readonly apply: (image: Image) => Image
}

/** The kind of a file. */
export type FileClass = "lib meta" | "tape meta" | "segment" | "dynamic" | "index" | "hint" | "lock" | "other"

export const classOf = (path: string): FileClass => {
  const name = path.slice(path.lastIndexOf("/") + 1)
  if (name === "litelib.meta.jsonl") return "lib meta"
  if (name === "tape.meta.jsonl") return "tape meta"
  if (name === "litelib.acked") return "hint"
  if (name === "litelib.lock") return "lock"
  if (name.endsWith(".idx")) return "index"
  if (/^seg-\d+\.jsonl(\.gz|\.zst)?$/.test(name)) return "segment"
  return /^litelib\.dynamic-\d+\.jsonl$/.test(name) ? "dynamic" : "other"
}

/** The first byte at which a file differs from the original, and the last byte that may differ. */
export interface Range {
  readonly first: number
  readonly last: number
}

/**
 * Returns the differing range of every file that differs. A deleted or new file counts as different at its first byte.
 */
export const touchedBy = (before: Image, after: Image): ReadonlyMap<string, Range> => {
  const touched = new Map<string, Range>()
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(path), after.get(path)]
    if (was === is) continue
    const range = was === undefined || is === undefined ? { first: 0, last: 0 } : difference(was, is)
    if (range !== undefined) touched.set(within(path), range)
  }
  return touched
}

const difference = (was: Uint8Array, is: Uint8Array): Range | undefined => {
  const shorter = Math.min(was.length, is.length)
  let first = 0
  while (first < shorter && was[first] === is[first]) first++
  if (was.length !== is.length) return { first, last: Math.max(was.length, is.length) }
  let last = was.length - 1
  while (last >= first && was[last] === is[last]) last--
  return last < first ? undefined : { first, last }
}

/** Replaces the bytes of a file, or deletes it. */
const put =
  (path: string, make: (bytes: Uint8Array) => Uint8Array | undefined) =>
  (image: Image): Image => {
    const changed = new Map(image)
    const bytes = image.get(path)
    // An earlier damage may have deleted it.
    if (bytes === undefined) return image
    const made = make(bytes)
    if (made === undefined) changed.delete(path)
    else changed.set(path, made)
    return changed
  }

/** Flips a bit, given by its number in the file. */
export const flip = (path: string, bit: number): Damage => ({
  kind: "flip",
  path,
  text: `flip bit ${bit % 8} of byte ${bit >>> 3} of ${within(path)}`,
  apply: put(path, (bytes) => {
    const damaged = bytes.slice()
    damaged[bit >>> 3]! ^= 1 << (bit % 8)
    return damaged
  })
})

const cut = (path: string, length: number): Damage => ({
  kind: "cut",
  path,
  text: `cut ${within(path)} to ${length} bytes`,
  apply: put(path, (bytes) => bytes.slice(0, length))
})

const zeros = (path: string, start: number, length: number): Damage => ({
  kind: "zeros",
  path,
  text: `${length} zeros at byte ${start} of ${within(path)}`,
  apply: put(path, (bytes) => bytes.slice().fill(0, start, start + length))
})

const drop = (path: string): Damage => ({
  kind: "drop",
  path,
  text: `drop ${within(path)}`,
  apply: put(path, () => undefined)
})

const swap = (a: string, b: string): Damage => ({
  kind: "swap",
  path: a,
  text: `swap ${within(a)} and ${within(b)}`,
  apply: (image) => {
    const [left, right] = [image.get(a), image.get(b)]
    return left === undefined || right === undefined ? image : new Map(image).set(a, right).set(b, left)
  }
})

const copy = (from: string, to: string): Damage => ({
  kind: "copy",
  path: to,
  text: `copy ${within(from)} to ${within(to)}`,
  apply: (image) => {
    const bytes = image.get(from)
    return bytes === undefined ? image : new Map(image).set(to, bytes)
  }
})

const garbage = (path: string, tail: Uint8Array): Damage => ({
  kind: "garbage",
  path,
  text: `append ${JSON.stringify(Buffer.from(tail).toString("latin1").slice(0, 80))} to ${within(path)}`,
  apply: put(path, (bytes) => Buffer.concat([bytes, tail]))
})

const linesOf = (bytes: Uint8Array): Array<Uint8Array> => {
  const lines: Array<Uint8Array> = []
  for (let start = 0; start < bytes.length;) {
    const at = bytes.indexOf(0x0a, start)
    const end = at === -1 ? bytes.length : at + 1
    lines.push(bytes.subarray(start, end))
    start = end
  }
  return lines
}

const relined = (path: string, text: string, change: (lines: Array<Uint8Array>) => Array<Uint8Array>): Damage => ({
  kind: "lines",
  path,
  text: `${text} of ${within(path)}`,
  apply: put(path, (bytes) => Uint8Array.from(Buffer.concat(change(linesOf(bytes)))))
})

const lineDamages = (path: string, bytes: Uint8Array): Array<Damage> =>
  linesOf(bytes).flatMap((line, at, lines) => [
    relined(path, `drop line ${at + 1}`, (all) => all.toSpliced(at, 1)),
    relined(path, `repeat line ${at + 1}`, (all) => all.toSpliced(at, 0, line)),
    ...(at + 1 < lines.length
      ? [
          relined(path, `swap lines ${at + 1} and ${at + 2}`, (all) =>
            // An earlier damage may have removed lines.
            at + 1 < all.length ? all.toSpliced(at, 2, all[at + 1]!, all[at]!) : all
          )
        ]
      : [])
  ])

/** Returns what another writer, an editor or a file system may append to a file. */
const tails = (bytes: Uint8Array): Array<Uint8Array> => {
  const last = linesOf(bytes).at(-1) ?? new Uint8Array(0)
  return [
    Buffer.from("\n"),
    Buffer.from(" "),
    Buffer.from("{}\n"),
    Buffer.from("rubbish"),
    new Uint8Array(1),
    new Uint8Array(512),
    Buffer.from('{"$type":"LiteLib.Commit","batch":'),
    last.slice(0, Math.ceil(last.length / 2))
  ].filter((tail) => tail.length > 0)
}

/**
 * Returns names of a second copy of a file: with the next free number, with a later one, and as the backup of an
 * editor.
 */
const namesakes = (path: string, image: Image): Array<string> => {
  const copies = [`${path}.bak`]
  const numbered = /^(.*-)(\d{6})(\.[^/]*)$/.exec(path)
  if (numbered === null) return copies
  let next = Number(numbered[2]) + 1
  const name = (n: number) => `${numbered[1]}${String(n).padStart(6, "0")}${numbered[3]}`
  while (image.has(name(next))) next++
  return [...copies, name(next), name(next + 7)]
}

/** Returns every damage to whole files, lines, ends and sectors, but no flipped bits (`flip`). */
export const coarseDamages = (image: Image, wanted: (path: string) => boolean): Array<Damage> => {
  const damages: Array<Damage> = []
  const paths = [...image.keys()].filter((path) => classOf(path) !== "lock" && wanted(path))
  for (const path of paths) {
    const bytes = image.get(path)!
    const file = classOf(path)
    // An index is not cut at every length: within one of its pages, one cut is like another.
    const step = file === "index" ? 509 : 1
    for (let length = 0; length < bytes.length; length += step) damages.push(cut(path, length))
    for (const size of file === "index" ? [512] : [64, 512]) {
      for (let start = 0; start < bytes.length; start += size) damages.push(zeros(path, start, size))
    }
    damages.push(drop(path), ...tails(bytes).map((tail) => garbage(path, tail)))
    damages.push(...namesakes(path, image).map((to) => copy(path, to)))
    if (path.endsWith(".jsonl")) damages.push(...lineDamages(path, bytes))
    for (const other of paths) {
      if (other === path || classOf(other) !== file) continue
      damages.push(copy(path, other))
      if (path < other) damages.push(swap(path, other))
    }
  }
  return damages
}

/** Combines several damages. */
export const several = (damages: ReadonlyArray<Damage>): Damage => ({
  kind: "several",
  path: damages[0]!.path,
  text: damages.map(({ text }) => text).join("; "),
  apply: (image) => damages.reduce((damaged, one) => one.apply(damaged), image)
})
