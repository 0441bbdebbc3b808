/**
 * Compares files as rows of prints, each of which represents a record: finds files that certainly follow each other,
 * and records that two rows share. Two slices of one stream have equal prints where they overlap.
 */

/** A file whose place is to be found. */
export interface Printed {
  readonly number: number
  readonly prints: Float64Array
}

/**
 * Files with consecutive numbers, whose records therefore follow each other. Places are indices in the joined prints of
 * all files.
 */
export interface Block {
  /** Index of its first file, and the index after its last. */
  readonly files: readonly [from: number, to: number]
  readonly numbers: readonly [first: number, last: number]
  readonly start: number
  readonly end: number
}

/** Groups files, ascending by number, into blocks. */
export const blocksOf = (files: ReadonlyArray<Printed>): Array<Block> => {
  const blocks: Array<Block> = []
  const starts = startsOf(files)
  for (const [index, { number, prints }] of files.entries()) {
    const before = blocks.at(-1)
    const end = starts[index]! + prints.length
    if (before !== undefined && before.numbers[1] === number - 1) {
      const { files, numbers, start } = before
      blocks[blocks.length - 1] = { files: [files[0], index + 1], numbers: [numbers[0], number], start, end }
    } else {
      blocks.push({ files: [index, index + 1], numbers: [number, number], start: starts[index]!, end })
    }
  }
  return blocks
}

/** Returns where the records of each file begin when all files are joined. */
export const startsOf = (files: ReadonlyArray<Printed>): Array<number> => {
  let next = 0
  return files.map(({ prints }) => {
    const start = next
    next += prints.length
    return start
  })
}

export const joined = (files: ReadonlyArray<Printed>): Float64Array => {
  const all = new Float64Array(files.reduce((sum, file) => sum + file.prints.length, 0))
  for (const [index, start] of startsOf(files).entries()) all.set(files[index]!.prints, start)
  return all
}

/** Whether `prints` contains `wanted` at this place. */
export const standsAt = (wanted: Float64Array, prints: Float64Array, at: number): boolean => {
  if (at < 0 || at + wanted.length > prints.length) return false
  for (let index = 0; index < wanted.length; index++) if (prints[at + index] !== wanted[index]) return false
  return true
}

/**
 * Returns the first place in `[from, to)` at which `prints` contains `wanted` and `fits` accepts it; -1 if there is
 * none.
 */
export const placeOf = (
  wanted: Float64Array,
  prints: Float64Array,
  [from, to]: readonly [number, number],
  fits: (at: number) => boolean
): number => {
  for (let at = prints.indexOf(wanted[0]!, from); at !== -1; at = prints.indexOf(wanted[0]!, at + 1)) {
    if (at + wanted.length > to) return -1
    if (fits(at) && standsAt(wanted, prints, at)) return at
  }
  return -1
}

/**
 * Returns the range of `a` in which two slices overlap, if `b` begins `offset` records after `a` (before it if
 * negative).
 */
const overlapOf = (a: Float64Array, b: Float64Array, offset: number) => {
  const from = Math.max(0, offset)
  return { from, to: Math.max(from, Math.min(a.length, offset + b.length)) }
}

/** Returns the first place in `a`, from `first`, at which the two differ; -1 if they are the same. */
export const differenceOf = (a: Float64Array, b: Float64Array, offset: number, first = 0): number => {
  const { from, to } = overlapOf(a, b, offset)
  for (let at = Math.max(first, from); at < to; at++) if (a[at] !== b[at - offset]) return at
  return -1
}

/** Whether two slices overlap and are equal there. Slices of one stream are equal over the whole overlap. */
export const agree = (a: Float64Array, b: Float64Array, offset: number): boolean => {
  const { from, to } = overlapOf(a, b, offset)
  return from < to && differenceOf(a, b, offset) === -1
}

/**
 * Whether more than half of the overlap is equal: the slices agree except for records that were changed in one of them.
 */
export const resemble = (a: Float64Array, b: Float64Array, offset: number): boolean => {
  const { from, to } = overlapOf(a, b, offset)
  let same = 0
  for (let at = from; at < to; at++) if (a[at] === b[at - offset]) same++
  return same * 2 > to - from
}

/**
 * Returns the places of records that occur once in `a` and once in `b`, ascending by place in `a`. An overlap by
 * chance, because records repeat, has no such records.
 */
export const onceInBoth = (a: Float64Array, b: Float64Array): Array<readonly [inA: number, inB: number]> => {
  const [small, large] = a.length <= b.length ? [a, b] : [b, a]
  const repeated = -1
  const inSmall = new Map<number, number>()
  for (let at = 0; at < small.length; at++) inSmall.set(small[at]!, inSmall.has(small[at]!) ? repeated : at)
  const inLarge = new Map<number, number>()
  for (let at = 0; at < large.length; at++) {
    if (inSmall.has(large[at]!)) inLarge.set(large[at]!, inLarge.has(large[at]!) ? repeated : at)
  }
  const places: Array<readonly [number, number]> = []
  for (const [print, atLarge] of inLarge) {
    const atSmall = inSmall.get(print)!
    if (atSmall !== repeated && atLarge !== repeated) {
      places.push(small === a ? [atSmall, atLarge] : [atLarge, atSmall])
    }
  }
  return places.toSorted((x, y) => x[0] - y[0])
}
