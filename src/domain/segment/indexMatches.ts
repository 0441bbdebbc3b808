/** Finds the events of a segment that may match a query, by the terms of its index. */
import type { Header } from "./indexLayout.ts"
import { check } from "./indexLayout.ts"
import { findRows, type Lookup } from "./indexLookup.ts"
import { unlisted } from "./indexTerms.ts"
import { readRows, type TermRow } from "./postings.ts"
import { inAny, inBoth, isWorthIt, type ItemTerms, type Matches, noMatches, type QueryTerms } from "./termMatches.ts"

/** What a look-up is for. */
export interface WantedMatches {
  /** Positions from here on, up to, but not including, `to`. */
  readonly from: number
  readonly to: number
  /** Whether the last events are wanted first. */
  readonly backward: boolean
  /** Number of events that are wanted. */
  readonly count: number
}

/** Events that may match: all from position `from` up to, but not including, `to`. */
export interface FoundMatches extends Matches {
  readonly from: number
  readonly to: number
}

/** An item of a query, with the rows of its terms. */
interface Item {
  /** Those of each tag, the rarest first. */
  readonly tags: ReadonlyArray<ReadonlyArray<TermRow>>
  /** Those of the types, unless one of them is not listed. */
  readonly types: ReadonlyArray<TermRow> | undefined
  /** Number of events that may match, at most. */
  readonly most: number
}

/** Number of events that are looked up together, about. */
const matchesMin = 1024
const matchesMax = 8192

/** If more events than this are wanted, and most events of the segment may match, all of them are read. */
const scanMin = 64

/**
 * Finds the first, or backward the last, events in a range that may match. An empty result holds for the whole
 * range. Returns `undefined` if all events of the segment should be read instead: the index does not say which may match, or
 * most of them do.
 */
export function* findMatches(
  header: Header,
  query: QueryTerms,
  { backward, count, from, to }: WantedMatches
): Lookup<FoundMatches | undefined> {
  const items: Array<Item> = []
  for (const terms of query) {
    const item = yield* findItem(header, terms)
    if (item === undefined) continue
    if (item.tags.length === 0 && item.types === undefined) return undefined
    const isOneTag = item.tags.length === 1 && item.types === undefined
    if (isOneTag && count > scanMin && 2 * item.most > header.records) return undefined
    items.push(item)
  }
  const first = Math.max(from, header.firstPosition)
  const end = Math.min(to, header.lastPosition + 1)
  const most = items.reduce((sum, item) => sum + item.most, 0)
  const positions = header.lastPosition + 1 - header.firstPosition
  const wanted = Math.max(matchesMin, Math.min(matchesMax, count))
  let width = most <= wanted ? positions : Math.ceil((positions * wanted) / most)
  for (let low = first, high = end; low < high && most > 0; width *= 4) {
    if (backward) low = Math.max(first, high - width)
    else high = Math.min(end, low + width)
    const all: Array<Matches> = []
    for (const item of items) all.push(yield* findInRange(header, item, low, high, (high - low) / positions))
    const { places, positions: found } = inAny(all)
    if (found.length > 0) {
      // What was looked at before has no matches.
      return {
        places,
        positions: found,
        from: low === first || !backward ? from : low,
        to: high === end || backward ? to : high
      }
    }
    if (backward) [low, high] = [first, low]
    else [low, high] = [high, end]
  }
  return { ...noMatches, from, to }
}

/** Finds the rows of the terms with this hash: more than one if a type and a tag share it, or if it has many events. */
function* findTerm(header: Header, hash: number): Lookup<Array<TermRow>> {
  const rows = yield* findRows(header, header.terms, hash)
  return rows.map(({ offset, page }) => {
    const first = page.getUint32(offset + 8, true)
    const count = page.getUint32(offset + 12, true)
    check(count > 0 && count <= header.records, "a term has no events, or more than there are")
    check(first === unlisted || first < header.postings.rows, "a term has postings that do not exist")
    return { first, count }
  })
}

/** Returns `undefined` if no event of the segment has the terms of the item. */
function* findItem(header: Header, { tags = [], types }: ItemTerms): Lookup<Item | undefined> {
  const listed: Array<ReadonlyArray<TermRow>> = []
  for (const tag of tags) {
    const rows = yield* findTerm(header, tag)
    if (rows.length === 0) return undefined
    // A type that shares the hash may be too common to be listed.
    if (isListed(rows)) listed.push(rows)
  }
  listed.sort((a, b) => countOf(a) - countOf(b))
  const ofTypes: Array<TermRow> = []
  for (const type of types ?? []) ofTypes.push(...(yield* findTerm(header, type)))
  if (types !== undefined && ofTypes.length === 0) return undefined
  const isOfTypes = types !== undefined && isListed(ofTypes)
  const most = Math.min(
    header.records,
    listed.length === 0 ? header.records : countOf(listed[0]!),
    isOfTypes ? countOf(ofTypes) : header.records
  )
  return { tags: listed, types: isOfTypes ? ofTypes : undefined, most }
}

/** Finds the events of an item in a range that has this share of the positions. */
function* findInRange(header: Header, { tags, types }: Item, from: number, to: number, share: number): Lookup<Matches> {
  let found: Matches | undefined
  for (const rows of types === undefined ? tags : [...tags, types]) {
    if (found === undefined) found = yield* readRows(header, rows, from, to)
    else if (found.positions.length > 0 && isWorthIt(share * countOf(rows), found.positions.length))
      found = inBoth(found, yield* readRows(header, rows, from, to))
  }
  return found ?? noMatches
}

const isListed = (rows: ReadonlyArray<TermRow>): boolean => rows.every(({ first }) => first !== unlisted)

const countOf = (rows: ReadonlyArray<TermRow>): number => rows.reduce((sum, { count }) => sum + count, 0)
