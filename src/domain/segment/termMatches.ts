/** Events that may match a query, found by their terms. Whether they do is decided by the events themselves. */
import { firstNotBefore } from "../base/binarySearch.ts"
import { type EventTerms, hashTag, hashType } from "./terms.ts"
import type { TermTable } from "./TermTable.ts"

/** An item of a query: one of the types, and all of the tags, as hashes. */
export interface ItemTerms {
  readonly types: ReadonlyArray<number> | undefined
  readonly tags: ReadonlyArray<number> | undefined
}

/** What a query looks for: events that have the terms of one of these items. */
export type QueryTerms = ReadonlyArray<ItemTerms>

/** Returns the terms of the items of a query. */
export const termsOf = (
  items: ReadonlyArray<{ readonly types?: ReadonlyArray<string>; readonly tags?: ReadonlyArray<string> }>
): QueryTerms =>
  items.map(({ tags, types }) => ({
    types: types === undefined ? undefined : [...new Set(types.map(hashType))],
    tags: tags === undefined ? undefined : [...new Set(tags.map(hashTag))]
  }))

/** Returns whether there may be an event that matches, if `has` says which terms there may be. */
export const mayMatch = (query: QueryTerms, has: (term: number) => boolean): boolean =>
  query.some(({ tags, types }) => tags?.every(has) !== false && types?.some(has) !== false)

/** Events by position, ascending, and for each the place at which it is found: its entry in an index, or its row in a file. */
export interface Matches {
  readonly positions: ReadonlyArray<number>
  readonly places: ReadonlyArray<number>
}

export const noMatches: Matches = { positions: [], places: [] }

/** Returns the events that are in both. */
export const inBoth = (one: Matches, other: Matches): Matches => {
  const positions: Array<number> = []
  const places: Array<number> = []
  for (let a = 0, b = 0; a < one.positions.length && b < other.positions.length;) {
    const difference = one.positions[a]! - other.positions[b]!
    if (difference === 0) {
      positions.push(one.positions[a]!)
      places.push(one.places[a]!)
    }
    if (difference <= 0) a++
    if (difference >= 0) b++
  }
  return { positions, places }
}

/** Returns the events that are in at least one of these. A query may have a thousand items, so halves are joined. */
export const inAny = (all: ReadonlyArray<Matches>): Matches => {
  if (all.length <= 1) return all[0] ?? noMatches
  const half = all.length >>> 1
  return inEither(inAny(all.slice(0, half)), inAny(all.slice(half)))
}

/** Returns the events that are in at least one of them. */
export const inEither = (one: Matches, other: Matches): Matches => {
  if (one.positions.length === 0) return other
  if (other.positions.length === 0) return one
  const positions: Array<number> = []
  const places: Array<number> = []
  for (let a = 0, b = 0; a < one.positions.length || b < other.positions.length;) {
    const first = one.positions[a] ?? Number.POSITIVE_INFINITY
    const second = other.positions[b] ?? Number.POSITIVE_INFINITY
    positions.push(Math.min(first, second))
    places.push(first <= second ? one.places[a]! : other.places[b]!)
    if (first <= second) a++
    if (second <= first) b++
  }
  return { positions, places }
}

/** Returns the events from position `from` up to, but not including, `to`. */
export const within = ({ places, positions }: Matches, from: number, to: number): Matches => {
  const first = firstNotBefore(positions.length, (at) => positions[at]! < from)
  const end = firstNotBefore(positions.length, (at) => positions[at]! < to)
  return first === 0 && end === positions.length
    ? { places, positions }
    : { positions: positions.slice(first, end), places: places.slice(first, end) }
}

/**
 * Whether it pays to look the events of another term up, of which there are `count`, to leave out some of `found`: reading an
 * event takes as long as looking hundreds up.
 */
export const isWorthIt = (count: number, found: number): boolean => count <= 4096 + 256 * found

/** Returns how many rows may match, at most. */
export const mostRows = ({ tags, types }: EventTerms, query: QueryTerms): number =>
  query.reduce((sum, item) => {
    let most = Number.POSITIVE_INFINITY
    for (const tag of item.tags ?? []) most = Math.min(most, tags.countOf(tag))
    if (item.types !== undefined) most = Math.min(most, countAll(types, item.types))
    return sum + most
  }, 0)

const countAll = (types: TermTable, wanted: ReadonlyArray<number>): number =>
  wanted.reduce((sum, type) => sum + types.countOf(type), 0)

/** Returns the rows from row `from` up to, but not including, `to` that may match, in ascending order. */
export const rowsAmong = (
  { tags, types }: EventTerms,
  query: QueryTerms,
  from: number,
  to: number
): ReadonlyArray<number> => {
  const listOf = (table: TermTable, term: number): Matches => {
    const rows = table.rowsOf(term, from, to)
    return { positions: rows, places: rows }
  }
  const all: Array<Matches> = []
  for (const item of query) {
    const ofTypes = () => inAny((item.types ?? []).map((type) => listOf(types, type)))
    if (item.tags === undefined) {
      all.push(ofTypes())
      continue
    }
    const isWanted = (count: number, found: Matches) =>
      found.places.length > 0 && isWorthIt(Math.min(count, to - from), found.places.length)
    const counted = item.types === undefined ? 0 : countAll(types, item.types)
    if (item.types !== undefined && counted === 0) continue
    const [rarest, ...others] = item.tags.toSorted((a, b) => tags.countOf(a) - tags.countOf(b))
    let found = rarest === undefined ? noMatches : listOf(tags, rarest)
    for (const tag of others) if (isWanted(tags.countOf(tag), found)) found = inBoth(found, listOf(tags, tag))
    if (item.types !== undefined && isWanted(counted, found)) found = inBoth(found, ofTypes())
    all.push(found)
  }
  return inAny(all).places
}
