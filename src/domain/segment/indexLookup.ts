/** Looks rows up in a section of an index, page by page. */
import type { Header } from "./indexLayout.ts"
import type { Section } from "./indexSections.ts"
import { check, checkPage } from "./indexLayout.ts"
import { firstByteOn, pagesOf, rowsOn } from "./indexSections.ts"

/** Yields page numbers, is given these pages, and returns its result. Throws `IndexDamaged`. */
export type Lookup<A> = Generator<ReadonlyArray<number>, A, ReadonlyArray<Uint8Array>>

/** A row on its page. */
export interface Row {
  readonly page: DataView
  readonly offset: number
}

/** Reads all pages of a section. */
export function* readSection(header: Header, section: Section): Lookup<Array<DataView>> {
  return yield* readPages(header, section, rangeOf(0, pagesOf(section) - 1))
}

/** Returns the numbers from `first` to `last`. */
export const rangeOf = (first: number, last: number): Array<number> =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)

/** Reads these pages of a section, counted from its first one. */
export function* readPages(header: Header, section: Section, wanted: ReadonlyArray<number>): Lookup<Array<DataView>> {
  if (wanted.length === 0) return []
  const numbers = wanted.map((number) => section.firstPage + number)
  const pages = yield numbers
  check(pages.length === numbers.length, "pages are missing")
  return numbers.map((number, i) => checkPage(header, number, pages[i]!))
}

// Hashes are evenly spread, so their value predicts the page but for a few rows. If they are not, halving takes over.
const interpolationsMax = 3

/** Finds all rows with this hash in a section that is sorted by hash, in their order. */
export function* findRows(header: Header, section: Section, hash: number): Lookup<Array<Row>> {
  let low = 0
  let high = pagesOf(section) - 1
  let lowHash = 0
  let highHash = 2 ** 53
  for (let probes = 0; low <= high; probes++) {
    const share = probes < interpolationsMax && highHash > lowHash ? (hash - lowHash) / (highHash - lowHash) : 0.5
    const number = Math.min(high, Math.max(low, low + Math.floor(share * (high - low + 1))))
    const [page] = yield* readPages(header, section, [number])
    const start = firstByteOn(section, number)
    const first = page!.getFloat64(start, true)
    const last = page!.getFloat64(start + (rowsOn(section, number) - 1) * section.rowBytes, true)
    if (hash < first) {
      high = number - 1
      highHash = first
    } else if (hash > last) {
      low = number + 1
      lowHash = last
    } else {
      const before = hash === first ? yield* runOfRows(header, section, number - 1, -1, hash) : []
      const after = hash === last ? yield* runOfRows(header, section, number + 1, 1, hash) : []
      return [...before, ...rowsWith(section, number, page!, hash), ...after]
    }
  }
  return []
}

/**
 * Collects rows with this hash from page `from` and, while they reach the page's edge, from the next one in this
 * direction.
 */
function* runOfRows(header: Header, section: Section, from: number, step: 1 | -1, hash: number): Lookup<Array<Row>> {
  let run: Array<Row> = []
  for (let number = from; number >= 0 && number < pagesOf(section); number += step) {
    const [page] = yield* readPages(header, section, [number])
    const rows = rowsWith(section, number, page!, hash)
    run = step === 1 ? [...run, ...rows] : [...rows, ...run]
    if (rows.length < rowsOn(section, number)) break
  }
  return run
}

const rowsWith = (section: Section, number: number, page: DataView, hash: number): Array<Row> => {
  const start = firstByteOn(section, number)
  let low = 0
  let high = rowsOn(section, number)
  while (low < high) {
    const middle = (low + high) >>> 1
    if (page.getFloat64(start + middle * section.rowBytes, true) < hash) low = middle + 1
    else high = middle
  }
  const rows: Array<Row> = []
  for (let row = low; row < rowsOn(section, number); row++) {
    const offset = start + row * section.rowBytes
    if (page.getFloat64(offset, true) !== hash) break
    rows.push({ page, offset })
  }
  return rows
}
